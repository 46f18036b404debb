"""Links to attachments and raw messages: good for their time and for one part, and no more."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.test import Client

from delivery.bodies.links import RAW, make_link
from delivery.models import Delivery, Endpoint, Recipient
from delivery.tests.records import create_delivery, create_message
from fastsmtp.config import config

pytestmark = pytest.mark.django_db

MAIL = (
    b'Content-Type: multipart/mixed; boundary="m"\r\n\r\n'
    b"--m\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--m\r\nContent-Type: text/html; name*=utf-8''gr%C3%BCn.html\r\n\r\n<script>1</script>\r\n"
    b"--m\r\nContent-Type: application/pdf; name=b.pdf\r\n\r\n%PDF\r\n"
    b"--m--\r\n"
)


@pytest.fixture
def delivery(recipient: Recipient, endpoint: Endpoint) -> Delivery:
    return create_delivery(create_message(recipient.domain, raw=MAIL), recipient, endpoint)


def get(link: str) -> Any:
    target = urlsplit(link)
    return Client(raise_request_exception=False).get(f"{target.path}?{target.query}")


def test_an_attachment(delivery: Delivery) -> None:
    answer = get(make_link(delivery.id, 1))
    assert answer.status_code == 200
    assert answer.content == b"%PDF"
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'attachment; filename="b.pdf"'


def test_nothing_is_shown_as_a_page_of_ours(delivery: Delivery) -> None:
    answer = get(make_link(delivery.id, 0))
    assert answer.content == b"<script>1</script>"
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''gr%C3%BCn.html"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cache-Control"] == "private, no-store"


def test_the_raw_message(delivery: Delivery) -> None:
    answer = get(make_link(delivery.id, RAW))
    assert answer.content == MAIL
    assert answer["Content-Type"] == "message/rfc822"


def test_no_key_is_asked_for_and_no_cookie_given(delivery: Delivery) -> None:
    assert not get(make_link(delivery.id, 1)).cookies


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/1?", "/2?"),
        ("/1?", "/raw?"),
        ("/1?", "/01?"),
        ("expires=", "expires=9"),
        ("expires=", "expires=x"),
        ("expires=", "expires=-"),
        ("expires=", "later="),
        ("signature=", "signature=0"),
        ("signature=", "key="),
    ],
)
def test_a_changed_link_is_refused(delivery: Delivery, old: str, new: str) -> None:
    answer = get(make_link(delivery.id, 1).replace(old, new))
    assert answer.status_code == 403
    assert answer.content == b"This link is not valid.\n"


def test_the_link_of_another_delivery_is_refused(delivery: Delivery) -> None:
    other = make_link(uuid4(), 1)
    link = make_link(delivery.id, 1)
    forged = f"{link.partition('?')[0]}?{other.partition('?')[2]}"
    assert get(forged).status_code == 403


def test_an_old_link_says_so(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "download_url_expiry", timedelta(seconds=-1))
    answer = get(make_link(delivery.id, 1))
    assert answer.status_code == 410
    assert answer.content == b"This link has expired.\n"


def test_what_is_not_there(delivery: Delivery) -> None:
    assert get(make_link(delivery.id, 7)).status_code == 404


@pytest.mark.parametrize("part", [1, RAW])
def test_what_was_deleted(delivery: Delivery, part: int | str) -> None:
    """The bytes alone, or the delivery too: a link of ours leads to what was there once."""
    delivery.message.raw = None
    delivery.message.save()
    for answer in (get(make_link(delivery.id, part)), get(make_link(uuid4(), part))):
        assert answer.status_code == 410
        assert answer.content == b"This message has been deleted: its retention is over.\n"


def test_nothing_but_reading(delivery: Delivery) -> None:
    target = urlsplit(make_link(delivery.id, 1))
    assert Client().post(f"{target.path}?{target.query}").status_code == 405


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("0.0.0.0", "http://mx.example.net:8000"),
        ("::", "http://mx.example.net:8000"),
    ],
)
def test_without_a_public_address_it_is_the_web_roles_own(host: str, expected: str) -> None:
    own = config().model_copy(
        update={"api_host": host, "api_port": 8000, "smtp_hostname": "mx.example.net"}
    )
    assert own.public_address == expected


def test_links_begin_with_the_public_address(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "public_url", "https://mail.example.com/in/")
    assert make_link(delivery.id, 1).startswith(
        f"https://mail.example.com/in/downloads/{delivery.id}/1?expires="
    )
