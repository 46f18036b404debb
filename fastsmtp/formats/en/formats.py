"""How the admin writes times. Django takes these from its own module of the language, whatever the
settings say."""

DATETIME_FORMAT = "Y-m-d H:i:s T"
