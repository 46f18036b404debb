"""Mails of the load are ordinary and have exactly the size asked for."""

import email.policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mails import LOAD_DOMAIN, RUN_LENGTH, label_of, make_id, make_template
from benchmarks.signing import SELECTOR, make_key, make_record, sign
from fastsmtp.mail import dkim

ID = make_id("a" * RUN_LENGTH, 7)


def render(size: int, recipient: str = "u0@bench.example") -> bytes:
    return make_template(size=size, recipient=recipient).render(ID)


@given(st.integers(2048, 200_000), st.sampled_from(["u0@bench.example", "u49@bench.example"]))
def test_size_is_exact_and_lines_need_no_care(size: int, recipient: str) -> None:
    mail = render(size, recipient)
    assert len(mail) == size
    assert mail.endswith(b"\r\n")
    lines = mail.split(b"\r\n")
    assert not any(line.startswith(b".") or b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) < 998


@pytest.mark.parametrize("size", [4096, 102400])
def test_mail_parses_without_defects(size: int) -> None:
    message = email.message_from_bytes(render(size), policy=email.policy.default)
    assert [part.defects for part in message.walk() if part.defects] == []
    assert message["Message-ID"] == f"<{ID}>"
    assert message["X-Load-Id"] == ID
    assert message["To"].addresses[0].addr_spec == "u0@bench.example"
    assert len(message.items()) >= 15


def test_large_mail_carries_one_attachment() -> None:
    message = email.message_from_bytes(render(102400), policy=email.policy.default)
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "delivery-note.pdf"
    assert len(attachment.get_content()) == int(102400 * 0.7)


def test_small_mail_is_text() -> None:
    message = email.message_from_bytes(render(4096), policy=email.policy.default)
    assert message.get_content_type() == "text/plain"


def test_a_size_below_the_headers_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        render(600)


def test_a_signature_holds_for_every_mail_of_a_template(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    template = make_template(
        size=4096,
        recipient="u0@bench.example",
        sign=lambda raw, _: sign(raw, key=key, domain=LOAD_DOMAIN),
    )
    for number in (7, 8):
        unique_id = make_id("a" * RUN_LENGTH, number)
        mail = template.render(unique_id)
        (signature,) = dkim.verify(mail, lambda *_: [make_record(key)])
        assert (signature.result, signature.domain) == ("pass", LOAD_DOMAIN)
        assert f"Message-ID: <{unique_id}>\r\n".encode() in mail


def test_a_signature_may_name_a_domain_of_its_own_for_each_mail(tmp_path: Path) -> None:
    key = make_key(tmp_path)
    template = make_template(
        size=4096,
        recipient="u0@bench.example",
        sign=lambda raw, label: sign(raw, key=key, domain=f"{label}.dead.example"),
    )
    assert dkim.Verification(template.render(ID)).key_names == [
        f"{SELECTOR}._domainkey.{label_of(ID)}.dead.example"
    ]
