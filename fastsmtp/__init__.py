"""FastSMTP: receives mail over SMTP, stores it durably and posts it to webhooks."""

__version__ = "0.1.0"
