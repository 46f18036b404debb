"""A server in front of the bucket for tests: what a test says may come of a PUT, the rest is passed
on to the real one."""

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Self
from urllib.parse import unquote, urlsplit

from delivery.tests.roomy_servers import RoomyThreadingHTTPServer
from harness.waiting import wait_until

_OF_ONE_CONNECTION = frozenset({"connection", "content-length", "transfer-encoding"})
# No handler waits for the next request of a client that keeps its connection.
_LAST_ANSWER = ("connection", "close")


class BucketFront:
    """`puts` are the paths in the order in which they came."""

    def __init__(self, bucket: str) -> None:
        self.puts: list[str] = []
        self._works = threading.Event()
        self._works.set()
        self._refusal: tuple[int, str] | None = None
        self._knows_conditions = True
        self._loses_answers = False
        front, behind = self, urlsplit(bucket).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:  # noqa: N802 - http.server calls it so
                content = self.rfile.read(int(self.headers["content-length"]))
                front.puts.append(unquote(self.path))
                front._works.wait()
                if front._refusal is not None:
                    self._refuse(*front._refusal)
                elif "if-none-match" in self.headers and not front._knows_conditions:
                    self._refuse(501, "NotImplemented")
                else:
                    self._pass_on(content)

            def do_HEAD(self) -> None:  # noqa: N802
                self._pass_on(b"")

            def _pass_on(self, content: bytes) -> None:
                connection = HTTPConnection(behind)
                connection.request(self.command, self.path, content, dict(self.headers))
                with connection.getresponse() as answer:
                    body = answer.read()
                connection.close()
                if front._loses_answers and self.command == "PUT":
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OF_ONE_CONNECTION:
                        self.send_header(name, value)
                size = answer.getheader("content-length") if self.command == "HEAD" else len(body)
                self.send_header("content-length", str(size))
                self.send_header(*_LAST_ANSWER)
                self.end_headers()
                self.wfile.write(body)

            def _refuse(self, status: int, code: str) -> None:
                body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header(*_LAST_ANSWER)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """The list is the log."""

        self._server = RoomyThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # none is at work any more when this is closed
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def hold(self) -> None:
        """Is so slow that nothing is answered until `let_go`."""
        self._works.clear()

    def let_go(self) -> None:
        self._works.set()

    def refuse(self, status: int, code: str) -> None:
        self._refusal = status, code

    def work(self) -> None:
        self._refusal, self._loses_answers = None, False

    def forget_conditions(self) -> None:
        """As servers that do not know them: 501 to every conditional PUT."""
        self._knows_conditions = False

    def lose_answers(self) -> None:
        """Stores what is put and then breaks the connection off."""
        self._loses_answers = True

    def wait_for_puts(self, count: int) -> None:
        wait_until(lambda: len(self.puts) >= count, timeout=20)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._works.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
