"""The only door for outgoing HTTP.

A webhook URL is written by a tenant and called from inside the operator's network, which makes us
a way into that network unless every call is checked (server-side request forgery, CWE-918). So no
other module makes requests to URLs that people enter. Here a name is resolved once, every address
it has is judged, and the connection goes to exactly the address that was judged.

`fastsmtp.http.door` is imported by those who call, and by nobody else: it loads aiohttp, which the
SMTP and web processes do not need.
"""

from fastsmtp.http.addresses import AddressNotAllowed, AddressPolicy
from fastsmtp.http.answers import Answer, Unreachable
from fastsmtp.http.targets import check_url

__all__ = ["AddressNotAllowed", "AddressPolicy", "Answer", "Unreachable", "check_url"]
