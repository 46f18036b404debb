"""The mails of docs/rules.md of which limits leave a part."""

from fastsmtp.mail.headers import MAX_FIELD_OCTETS, MAX_FIELDS
from fastsmtp.mail.parts import MAX_PARTS
from rules.fields import MAX_TEXT_LENGTH

_SEEN = b"To: sales@example.com\r\nSubject: Invoice 4711\r\nX-Label: red\r\nX-Score: 7.5\r\n"
_TEXT = b"\r\nDear customer,\r\nplease pay.\r\n"
_PART = b"--b\r\nContent-Type: image/png; name=logo.png\r\n\r\nPNG\r\n"

CUT_MAILS = {
    "headers": _SEEN + b"X-Other: x\r\n" * MAX_FIELDS + b"X-Label: blue\r\n" + _TEXT,
    "header": (
        b"Subject: Invoice\r\nX-Label: " + b"red " * (MAX_FIELD_OCTETS // 4 + 1) + b"\r\n" + _TEXT
    ),
    "body": b"Subject: Invoice\r\n\r\n" + b"Dear customer, " * (MAX_TEXT_LENGTH // 15 + 1),
    "parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + _PART * (MAX_PARTS + 1),
}
