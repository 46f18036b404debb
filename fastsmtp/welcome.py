"""What `serve` says when everything is up."""

import os

from fastsmtp.config import Config, secrets_file
from fastsmtp.smtp_client import local_target

EXAMPLE_WEBHOOK = "http://127.0.0.1:5678/webhook/support"


def command_name() -> str:
    """How the reader started us, so that what we print can be typed."""
    return os.environ.get("FASTSMTP_COMMAND", "fastsmtp")


def welcome(config: Config, *, is_empty: bool) -> str:
    """`is_empty`: there is no domain yet, so the reader is told how to make one."""
    smtp, api = _in_url(config.smtp_host), f"http://{_in_url(config.api_host)}:{config.api_port}"
    lines = ["", "FastSMTP is running. Ctrl-C stops it.", f"  SMTP     {smtp}:{config.smtp_port}"]
    if config.has_certificate:
        lines.append(f"  TLS      {smtp}:{config.smtp_tls_port}")
    lines += [f"  API      {api}/api/v1/", f"  Admin    {api}/admin/"]
    if config.is_embedded:
        lines.append(f"  Data     {config.data_dir}")
        lines.append(f"  Secrets  {secrets_file(config.data_dir)} (the root API key is in it)")
    if is_empty:
        lines += _next_commands(command_name())
    return "\n".join([*lines, ""])


def _next_commands(command: str) -> list[str]:
    return [
        "",
        "Next, in another terminal:",
        f"  {command} domain create example.com",
        f"  {command} recipient create example.com support {EXAMPLE_WEBHOOK}",
        f"  {command} send_test support@example.com",
    ]


def _in_url(host: str) -> str:
    target = local_target(host)
    return f"[{target}]" if ":" in target else target
