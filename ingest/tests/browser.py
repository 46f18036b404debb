"""Someone who signs in to the admin and follows every link."""

import re
from collections import Counter, deque
from collections.abc import Callable
from html import unescape
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

_LINK = re.compile(r'href="([^"]+)"')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
PAGES_OF_A_KIND = 2


class Browser:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def sign_in(self, username: str, password: str) -> None:
        status, page = self.submit(
            "/admin/login/?next=/admin/", username=username, password=password, next="/admin/"
        )
        assert status == 200, page
        assert "/admin/logout/" in page

    def get(self, path: str) -> tuple[int, str]:
        return self._open(Request(urljoin(self._origin, path)))

    def submit(self, path: str, **fields: str) -> tuple[int, str]:
        """Posts the form of a page."""
        _, page = self.get(path)
        token = _TOKEN.search(page)
        assert token is not None, page
        body = urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        return self._open(Request(urljoin(self._origin, path), body, {"Referer": self._origin}))

    def crawl(self, start: str, *, skip: Callable[[str], bool]) -> dict[str, str]:
        """The pages below `start` that links lead to, by path: of each kind of record some, of all
        others every one. Queries of lists are left out."""
        pages: dict[str, str] = {}
        kinds: Counter[str] = Counter()
        waiting = deque([start])
        while waiting:
            path = waiting.popleft()
            kind = _ID.sub("…", path)
            if path in pages or skip(path) or kinds[kind] >= PAGES_OF_A_KIND:
                continue
            kinds[kind] += 1
            _, pages[path] = self.get(path)
            for link in _LINK.findall(pages[path]):
                target = urlsplit(urljoin(path, unescape(link)))
                if not target.netloc and target.path.startswith(start):
                    waiting.append(target.path)
        return pages

    def _open(self, request: Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=30) as response:
                return response.status, f"{response.headers}\n{response.read().decode()}"
        except HTTPError as error:
            return error.code, f"{error.headers}\n{error.read().decode()}"
