"""What was written, what was quoted, what was signed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.reply import MAX_LENGTH, split_reply

OLD = "> old one\n>\n> old two"
ATTRIBUTIONS = [
    "On Mon, Jan 6, 2025 at 10:00 AM Ada Example <ada@example.org> wrote:",
    "On Mon, Jan 6, 2025 at 10:00 AM Ada Example\n<ada@example.org> wrote:",
    "On 06/01/2025 10:00, Ada Example wrote:",
    "Am 06.01.2025 um 10:00 schrieb Ada Example:",
    "Am Mo., 6. Jan. 2025 um 10:00 Uhr schrieb Ada Example\n<ada@example.org>:",
    "Le lun. 6 janv. 2025 à 10:00, Ada Example <ada@example.org> a écrit :",
    "Le 06/01/2025 à 10:00, Ada Example a écrit\xa0:",
    "El lun, 6 ene 2025 a las 10:00, Ada Example (<ada@example.org>)\nescribió:",
    "Ada Example <ada@example.org> wrote:",
    "2025-01-06 10:00 GMT+01:00 Ada Example <ada@example.org>:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_an_attribution_belongs_to_its_quote(attribution: str) -> None:
    reply = split_reply(f"Yes.\n\n{attribution}\n\n{OLD}\n")
    assert (reply.stripped, reply.quoted) == ("Yes.", f"{attribution}\n\n{OLD}")
    assert reply.signature == ""


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_without_marks_all_behind_it_is_quoted(attribution: str) -> None:
    reply = split_reply(f"Yes.\n{attribution}\nold one\n\nold two")
    assert (reply.stripped, reply.quoted) == ("Yes.", f"{attribution}\nold one\n\nold two")


BLOCKS = [
    "From: Ada <ada@example.org>\nSent: Monday, January 6, 2025\nTo: Bob\nSubject: Hi",
    "________________________________\nFrom: Ada\nSent: Monday\nTo: Bob\nSubject: Hi",
    "Von: Ada <ada@example.org>\nGesendet: Montag, 6. Januar 2025\nAn: Bob\nBetreff: Hallo",
    "De : Ada <ada@example.org>\nEnvoyé : lundi 6 janvier 2025\nÀ : Bob\nObjet : Bonjour",
    "De: Ada <ada@example.org>\nEnviado el: lunes, 6 de enero\nPara: Bob\nAsunto: Hola",
    "*From:* Ada\n*Sent:* Monday\n*To:* Bob\n*Subject:* Hi",
    "-----Original Message-----\nsomething",
    "-----Ursprüngliche Nachricht-----\nVon: Ada",
    "---------- Forwarded message ---------\nFrom: Ada",
    "-------- Message d'origine --------\nx",
    "-----Mensaje original-----\nx",
    "Begin forwarded message:\n\nFrom: Ada",
]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_older_message_is_quoted_to_its_end(block: str) -> None:
    reply = split_reply(f"Yes.\n\n{block}\n\nold text\n-- \nold signature")
    assert reply.stripped == "Yes."
    assert reply.quoted == f"{block}\n\nold text\n-- \nold signature"
    assert reply.signature == ""


def test_answers_between_quotes_are_kept() -> None:
    reply = split_reply("On Monday Ada wrote:\n> Red?\nYes.\n\n> Blue?\n\nNo.\n")
    assert (reply.stripped, reply.quoted) == (
        "Yes.\n\n\nNo.", "On Monday Ada wrote:\n> Red?\n> Blue?",
    )  # fmt: skip


@pytest.mark.parametrize("mark", ["-- ", "--"])
def test_a_signature_ends_at_the_quote(mark: str) -> None:
    reply = split_reply(f"Yes.\n{mark}\nAda\n+43 1\n\nOn Monday Bob wrote:\n{OLD}")
    assert (reply.stripped, reply.signature) == ("Yes.", f"{mark}\nAda\n+43 1")
    assert reply.quoted == f"On Monday Bob wrote:\n{OLD}"


@pytest.mark.parametrize(
    "line",
    ["Sent from my iPhone", "Von meinem iPhone gesendet", "Envoyé de mon iPhone",
     "Enviado desde mi iPhone", "Get Outlook for iOS<https://aka.ms/o0ukef>",
     "Outlook für iOS beziehen<https://aka.ms/o0ukef>", "Sent with Proton Mail secure email.",
     "Holen Sie sich Outlook für Android<https://aka.ms/AAb9ysg>",
     "Obtenez Outlook pour iOS<https://aka.ms/o0ukef>"],
)  # fmt: skip
def test_what_a_telephone_adds_is_a_signature(line: str) -> None:
    reply = split_reply(f"Yes.\n\n{line}\n\n{OLD}")
    assert (reply.stripped, reply.signature, reply.quoted) == ("Yes.", line, OLD)


@pytest.mark.parametrize(
    "text",
    [
        "On Monday we meet:\nfirst the red one",
        "Sent from my iPhone, this line goes on.\nAnd the text too.",
        "From: is a word\nthat begins a line",
        "a -- b\n---\nc",
        "From: Ada\nDate: Monday\nTo: the office\nRooms: 2",
        "On " + "x" * 5000 + " wrote:",
        "",
    ],
)
def test_what_only_looks_like_it_is_kept(text: str) -> None:
    assert split_reply(text).stripped == text


def test_a_mail_that_only_quotes_has_nothing_of_its_own() -> None:
    assert split_reply(OLD).stripped == ""


def test_a_huge_text_is_left_as_it_is() -> None:
    text = "> x\n" * (MAX_LENGTH // 4) + "end"
    assert split_reply(text).stripped == text


LINES = st.sampled_from(
    ["> q", "On Monday", "Ada wrote:", "Von: a", "An: b", "Betreff: c", "-- ", "text", "", "\xa0",
     "_" * 32, "-----Original Message-----", "Sent from my x", "\ufffd"]
)  # fmt: skip


@given(st.text() | st.lists(LINES).map("\n".join))
def test_no_line_is_lost_or_doubled(text: str) -> None:
    reply = split_reply(text)
    parts = "\n".join((reply.stripped, reply.quoted, reply.signature))
    assert sorted(filter(None, map(str.strip, parts.split("\n")))) == sorted(
        filter(None, map(str.strip, text.split("\n")))
    )
