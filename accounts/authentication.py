"""The API's door: a key in a header. A session cookie never opens it."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from accounts.keys import Caller, InvalidKey, identify


class KeyAuthentication(BaseAuthentication):
    """`X-API-Key: …`, or `Authorization: Bearer …` (RFC 6750 §2.1)."""

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        key = request.headers.get("X-API-Key") or _bearer_token(request)
        if not key:
            raise NotAuthenticated("API key required")
        try:
            # A header arrives as its bytes read as Latin-1 (PEP 3333).
            return identify(key.encode("latin-1")), None
        except InvalidKey as error:
            raise AuthenticationFailed(str(error)) from None

    def authenticate_header(self, request: Request) -> str:
        return "ApiKey"


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
