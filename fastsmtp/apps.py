from django.apps import AppConfig
from django.core.checks import register
from django.db.backends.signals import connection_created

from fastsmtp.checks import check_variable_names
from fastsmtp.postgres import prefer_indexes


class FastSMTPConfig(AppConfig):
    name = "fastsmtp"

    def ready(self) -> None:
        register(check_variable_names)
        connection_created.connect(prefer_indexes, dispatch_uid="fastsmtp.postgres")
