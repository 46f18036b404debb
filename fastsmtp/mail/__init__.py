"""The mail standards: bytes in, small frozen values out. No Django and no I/O in here."""
