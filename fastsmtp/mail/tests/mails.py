"""Mail for the tests: pieces that Hypothesis puts together to something like a message."""

from hypothesis import strategies as st

_PIECES = [
    b"From: a@example.org\r\n",
    b"Subject: =?utf-8?q?=C3=BC?=\r\n",
    b"Message-ID: <a@example.org>\r\n",
    b"Content-Type: text/plain; charset=utf-8\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"Content-Type: application/pdf; name*=utf-8''a%2Fb.pdf\r\n",
    b"Content-Type: message/rfc822\r\n",
    b'Content-Type: multipart/mixed; boundary="a"\r\n',
    b"Content-Type: multipart/alternative; boundary=b\r\n",
    b"Content-Type: multipart/digest; boundary=ab\r\n",
    b'Content-Disposition: attachment; filename="..\\\\x\0"\r\n',
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-ID: <x>\r\n",
    b"Content-Type: text/calendar\r\n",
    b"Content-Type: application/ms-tnef\r\n",
    b"To: Ada <a@example.org>, (b\r\n",
    b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:\xff\r\n",
    b"END:VEVENT\r\nEND:VCALENDAR\r\n",
    b"\x78\x9f\x3e\x22\x01\x00",
    b"<p>&#0;<blockquote>",
    b"> quote\r\n",
    b"-- \r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"--a\r\n",
    b"--a--\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"--ab\r\n",
    b"text\r\n",
    b"R3LDvMOfZQ\r\n",
    b"=C3=BC=\r\n",
    b"\xff\xfe\0\xd8",
]

MAIL_PIECES = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=8), max_size=60).map(b"".join)
