"""Abbreviations in the names of columns, spelt as people spell them; the models, and so the
migrations, stay as they are. Imported before any form is made."""

import re

from django.apps import apps

_SPELT = {
    **{word: word.upper() for word in ("url", "tls", "smtputf8", "http", "id", "ip")},
    **{word: word.upper() for word in ("dkim", "spf", "dmarc", "smtp")},
}
_WORD = re.compile(r"\w+")


def spell(name: str) -> str:
    return _WORD.sub(lambda word: _SPELT.get(word[0], word[0]), name)


for _app in ("accounts", "delivery"):
    for _model in apps.get_app_config(_app).get_models():
        for _field in _model._meta.local_fields:
            _field.verbose_name = spell(str(_field.verbose_name))
