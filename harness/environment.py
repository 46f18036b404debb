"""The environment of a newcomer, for a child that runs the product."""

import os

from fastsmtp import lifeline


def bare_environment() -> dict[str, str]:
    """Ours without our settings, and with nothing that changes how Python writes to a file.

    The child ends with us and imports from where we do.
    """
    return {
        name: value
        for name, value in lifeline.environment().items()
        if name not in os.environ or not name.startswith(("FASTSMTP_", "PYTHONUNBUFFERED"))
    }
