"""`test_dkim` and `test_spf` show every step, for the operator who wonders."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from fastsmtp.config import config
from fastsmtp.mail.tests.signing import KEY_NAME, MAIL, publish, sign
from fastsmtp.tests.dns_server import SERVFAIL, Zone, serve_zone
from ingest.tests.name_server import NameServerInThread


@pytest.fixture
def _names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    zone: Zone = {
        KEY_NAME: [("TXT", publish())],
        "dead._domainkey.example.org": [("TXT", SERVFAIL)],
        "sender.example": [("TXT", b"v=spf1 mx include:more.example -all")],
        "more.example": [("TXT", b"v=spf1 ip4:192.0.2.1 -all")],
    }
    with NameServerInThread(serve_zone(zone)) as names:
        monkeypatch.setattr(config(), "dns_servers", names.addresses)
        yield


def told(*arguments: str) -> list[str]:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.mark.usefixtures("_names")
def test_every_lookup_of_spf_is_shown() -> None:
    lines = told("test_spf", "192.0.2.1", "ada@sender.example", "mail.client.example")
    assert lines[:3] == [
        '  sender.example TXT: "v=spf1 mx include:more.example -all"',
        "  sender.example MX: no such record",
        '  more.example TXT: "v=spf1 ip4:192.0.2.1 -all"',
    ]
    assert lines[3] == "pass: sender.example permits 192.0.2.1 to send for it"
    assert lines[4].startswith("Authentication-Results: ")
    assert "spf=pass" in " ".join(lines[4:])
    assert "smtp.mailfrom=ada@sender.example" in " ".join(lines[4:])


@pytest.mark.usefixtures("_names")
def test_every_signature_is_shown(tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    content = sign(sign(MAIL), s="dead").replace(b"\r\n", b"\n")  # as it lies in a file
    mail.write_bytes(content)
    lines = told("test_dkim", str(mail))
    assert sorted(lines[:2]) == [
        "  dead._domainkey.example.org TXT: no name server gave a usable answer",
        f'  {KEY_NAME} TXT: "{publish().decode()}"',
    ]
    assert lines[2].startswith("signature 1: temperror, example.org")
    assert lines[3] == "signature 2: pass, example.org, rsa-sha256, 2048 bits"
    assert "dkim=temperror" in " ".join(lines[4:])
    assert "dkim=pass" in " ".join(lines[4:])


@pytest.mark.usefixtures("_names")
def test_an_unsigned_mail(tmp_path: Path) -> None:
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MAIL)
    assert told("test_dkim", str(mail))[0] == "no signature"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        told("test_dkim", str(tmp_path / "nothing.eml"))
