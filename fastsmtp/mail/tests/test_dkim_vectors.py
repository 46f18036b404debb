"""Messages that others signed: the examples of the RFCs and the test data of dkimpy."""

from pathlib import Path

import pytest

from fastsmtp.mail import dkim
from fastsmtp.mail.canonical import relax_body, relax_field, simplify_body
from fastsmtp.mail.tests.signing import Zone

DKIMPY = Path(__file__).parent / "dkimpy"

MAIL = b"""\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""

# RFC 6376 appendix A.2 with its errata: the signature was made with one space after "game."
RFC_6376 = b"""\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
""" + MAIL.replace(b"game.  Are", b"game. Are")

# RFC 8463 appendix A.3.
RFC_8463 = (
    b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
"""
    + MAIL
)

# RFC 6376 appendix C, RFC 8463 appendix A.2 and the DNS of dkimpy's tests.
EXAMPLE_KEY = (
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC"
    b"jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9"
    b"tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
TEST_KEY = (
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
    b"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZy"
    b"VYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
RFC_8032_KEY = b"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
EXIM_KEY = b"sPs07Vu29FpHT/80UXUcYHFOHifD4o2ZlP2+XUh9g6E="
KEYS = Zone(
    {
        "brisbane._domainkey.example.com": [b"v=DKIM1; p=" + EXAMPLE_KEY],
        "brisbane._domainkey.football.example.com": [b"v=DKIM1; k=ed25519; p=" + RFC_8032_KEY],
        "test._domainkey.football.example.com": [b"v=DKIM1; g=*; k=rsa; p=" + TEST_KEY],
        "test._domainkey.legitimate.com(.attacker.com": [b"v=DKIM1; k=rsa; p=" + TEST_KEY],
        "sed._domainkey.test.ex": [b"v=DKIM1; k=ed25519; p=" + EXIM_KEY],
    }
)


def verify(raw: bytes) -> list[tuple[str, str]]:
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return [(s.algorithm, s.result) for s in dkim.verify(raw, KEYS)]


def test_rfc_6376_appendix_a() -> None:
    assert verify(RFC_6376) == [("rsa-sha256", "pass")]


def test_rfc_8463_appendix_a() -> None:
    assert verify(RFC_8463) == [("ed25519-sha256", "pass"), ("rsa-sha256", "pass")]


def test_rfc_6376_section_3_4_5() -> None:
    assert relax_field(b"A: X\r\n") + relax_field(b"B : Y\t\r\n\tZ  \r\n") == b"a:X\r\nb:Y Z\r\n"
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert relax_body(body) == b" C\r\nD E\r\n"
    assert simplify_body(body) == b" C \r\nD \t E\r\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rfc6376.signed.msg", [("ed25519-sha256", "pass"), ("rsa-sha256", "pass")]),
        ("rfc6376.signed.rsa.msg", [("rsa-sha256", "pass")]),
        ("ed25519test2.msg", [("ed25519-sha256", "pass")]),  # signed by Exim
        ("rfc6376.signed.no_t.msg", [("rsa-sha256", "fail")]),  # t= was taken out
        ("test.message.baddomain", [("rsa-sha256", "permerror")]),
    ],
)
def test_messages_of_dkimpy(name: str, expected: list[tuple[str, str]]) -> None:
    assert verify((DKIMPY / name).read_bytes()) == expected
