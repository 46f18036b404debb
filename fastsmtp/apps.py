from django.apps import AppConfig
from django.core.checks import register
from django.db.backends.signals import connection_created

from fastsmtp import mariadb, postgres
from fastsmtp.checks import check_variable_names


class FastSMTPConfig(AppConfig):
    name = "fastsmtp"

    def ready(self) -> None:
        register(check_variable_names)
        for server in (postgres, mariadb):
            connection_created.connect(server.prepare_session, dispatch_uid=server.__name__)
