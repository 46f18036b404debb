from django.apps import AppConfig
from django.core.checks import register

from fastsmtp.checks import check_variable_names


class FastSMTPConfig(AppConfig):
    name = "fastsmtp"

    def ready(self) -> None:
        register(check_variable_names)
