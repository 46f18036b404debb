"""What the DNS says about the key of a signature."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fastsmtp.mail import dkim
from fastsmtp.mail.dkim import Signature, TemporaryLookupError
from fastsmtp.mail.dkim_key import read_key
from fastsmtp.mail.tests.signing import (
    DOMAIN,
    KEY_NAME,
    MAIL,
    NOW,
    Zone,
    ed25519_key,
    publish,
    rsa_key,
    rsa_number,
    sign,
)

SPF_OF_A_WILDCARD = b"v=spf1 -all"


def verify(raw: bytes, *records: bytes) -> Signature:
    (signature,) = dkim.verify(raw, Zone({KEY_NAME: list(records)}), now=NOW)
    return signature


def outcome(raw: bytes, *records: bytes) -> tuple[str, str]:
    signature = verify(raw, *records)
    return signature.result, signature.reason


def encode(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, form: PublicFormat) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


@pytest.mark.parametrize(
    "record",
    [
        publish(v=None, k=None),
        publish(h="sha1:sha256", s="tlsrpt:EMAIL", t="x", n="a note"),
        publish(s="*"),
        publish() + b";",
        publish().replace(b"MIIB", b"MI\r\n IB"),
        publish(p=encode(rsa_key().public_key(), PublicFormat.PKCS1)),
    ],
)
def test_a_record_for_this_signature(record: bytes) -> None:
    assert outcome(sign(MAIL), record) == ("pass", "")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (publish(p=""), "the key is revoked"),
        (publish(p="*"), "the key cannot be read"),
        (publish(p="AAAA"), "the key cannot be read"),
        (publish(p="\u00fc"), "the key cannot be read"),
        (
            publish(
                p=encode(
                    ec.generate_private_key(ec.SECP256R1()).public_key(),
                    PublicFormat.SubjectPublicKeyInfo,
                )
            ),
            "the key cannot be read",
        ),
        (publish(h="sha1"), "the key does not allow SHA-256"),
        (publish(s="tlsrpt"), "the key is not for mail"),
        (publish(k="ed25519"), "the key is for another algorithm"),
        (publish(k="dsa"), "the key is for another algorithm"),
        (publish(v="DKIM2"), "the key record is malformed"),
        (publish(v="DKIM1; v=DKIM1"), "the key record is malformed"),
        (publish(p=None), "the key record is malformed"),
        (SPF_OF_A_WILDCARD, "the key record is malformed"),
        (b"", "the key record is malformed"),
        (b"\xff\x00;=" * 16_000, "the key record is malformed"),
    ],
)
def test_a_record_that_cannot_be_used(record: bytes, reason: str) -> None:
    assert outcome(sign(MAIL), record) == ("permerror", reason)


def test_no_record_is_a_permanent_error() -> None:
    assert outcome(sign(MAIL)) == ("permerror", "there is no key record")


def test_records_that_are_no_keys_are_passed_over() -> None:
    assert outcome(sign(MAIL), SPF_OF_A_WILDCARD, publish()) == ("pass", "")
    assert outcome(sign(MAIL), publish(), publish()) == ("pass", "")


def test_of_several_keys_none_counts() -> None:
    records = publish(), publish(n="another")
    assert outcome(sign(MAIL), *records) == ("permerror", "there are several key records")


@pytest.mark.parametrize(
    ("key", "result", "reason"),
    [
        (rsa_number(512), "permerror", "an RSA key of 512 bits proves nothing"),
        (rsa_number(1023), "permerror", "an RSA key of 1023 bits proves nothing"),
        (rsa_number(1024), "fail", "the header or the key is not what was signed"),
        (rsa_number(4096), "fail", "the header or the key is not what was signed"),
        (rsa_number(4097), "permerror", "the RSA key of 4097 bits is too costly"),
        (rsa_number(16_384), "permerror", "the RSA key of 16384 bits is too costly"),
        (rsa_number(400_000), "permerror", "the RSA key of 400000 bits is too costly"),
        (
            rsa_number(2048, exponent=(1 << 2000) + 1),
            "permerror",
            "the RSA key of 2048 bits is too costly",
        ),
    ],
    ids=lambda value: f"{value.key_size} bits" if isinstance(value, rsa.RSAPublicKey) else "",
)
def test_the_size_of_an_rsa_key(key: rsa.RSAPublicKey, result: str, reason: str) -> None:
    signature = verify(sign(MAIL), publish(key))
    assert (signature.result, signature.reason) == (result, reason)
    assert signature.key_bits == key.key_size


@pytest.mark.parametrize("size", [0, 31, 33])
def test_an_ed25519_key_has_32_octets(size: int) -> None:
    record = publish(ed25519_key(), p=base64.b64encode(b"k" * size).decode() or "AA==")
    assert outcome(sign(MAIL, ed25519_key()), record) == ("permerror", "the key cannot be read")


def test_trouble_with_the_dns_is_a_temporary_error() -> None:
    class Timeout(TemporaryLookupError):
        pass

    def lookup(name: str, rdtype: str) -> list[bytes]:
        if name.startswith("s2."):
            raise Timeout("192.0.2.53 did not answer")
        return [publish()]

    signatures = dkim.verify(sign(sign(MAIL, s="s2")), lookup, now=NOW)
    assert [(s.selector, s.result, s.reason) for s in signatures] == [
        ("s1", "pass", ""),
        ("s2", "temperror", "the DNS gave no answer about the key"),
    ]


class Missing(BaseException):
    pass


@pytest.mark.parametrize("exception", [Missing, RuntimeError])
def test_other_exceptions_of_the_lookup_pass_through(exception: type[BaseException]) -> None:
    def lookup(name: str, rdtype: str) -> list[bytes]:
        raise exception

    with pytest.raises(exception):
        dkim.verify(sign(MAIL), lookup, now=NOW)


def test_the_names_of_all_keys_can_be_asked_for_beforehand() -> None:
    raw = sign(sign(sign(sign(MAIL), s="s2"), a="rsa-sha1", s="s3"))
    names = dkim.Verification(raw, now=NOW).key_names
    assert names == [KEY_NAME, f"s2._domainkey.{DOMAIN}"]
    asked = []

    def lookup(name: str, rdtype: str) -> list[bytes]:
        asked.append(name)
        return []

    dkim.verify(raw, lookup, now=NOW)
    assert list(dict.fromkeys(asked)) == names


def test_a_key_is_prepared_once() -> None:
    keys = [read_key([publish(), noise], "rsa-sha256") for noise in (b"v=spf1", b"something else")]
    assert keys[0].public is keys[1].public
