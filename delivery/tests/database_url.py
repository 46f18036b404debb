"""For child processes that work on the database of the test."""

from urllib.parse import urlsplit

from django.db import connection

from fastsmtp.config import config


def database_url() -> str:
    """Of the test database, which is not the configured one."""
    name: str = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    url = config().database_url
    assert url is not None
    return urlsplit(url.get_secret_value())._replace(path=f"/{name}").geturl()
