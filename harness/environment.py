"""The environment of a child that runs the product."""

import os

from fastsmtp import lifeline


def without_settings() -> dict[str, str]:
    """Ours without the developer's configuration, or that of the test that we are in."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FASTSMTP_")}


def bare_environment() -> dict[str, str]:
    """That of a newcomer, with nothing that changes how Python writes to a file.

    The child ends with us and imports from where we do.
    """
    return {
        name: value
        for name, value in lifeline.environment().items()
        if name not in os.environ or not name.startswith(("FASTSMTP_", "PYTHONUNBUFFERED"))
    }
