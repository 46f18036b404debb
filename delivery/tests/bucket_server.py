"""An S3 server for tests, with a bucket named `mails`; and one that behaves badly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

from delivery.tests.roomy_servers import RoomyHTTPServer
from fastsmtp.config import Config, config
from harness.processes import free_port

BUCKET = "mails"


def bucket_config(url: str, **changes: Any) -> Config:
    return config().model_copy(
        update={
            "attachment_storage": "s3",
            "s3_endpoint_url": url,
            "s3_bucket": BUCKET,
            "s3_access_key": SecretStr("access"),
            "s3_secret_key": SecretStr("secret-of-the-bucket"),
            **changes,
        }
    )


@contextmanager
def s3_server() -> Iterator[str]:
    """The URL of a server with an empty bucket."""
    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _client(url).create_bucket(Bucket=BUCKET)
        yield url
        empty(url)  # servers of one process have one memory
    finally:
        server.stop()


def contents(url: str) -> dict[str, bytes]:
    """All objects, by key."""
    client = _client(url)
    return {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in _keys(url)}


def fill(url: str, *keys: str) -> None:
    for key in keys:
        _client(url).put_object(Bucket=BUCKET, Key=key, Body=b"x")


def empty(url: str) -> None:
    for key in _keys(url):
        _client(url).delete_object(Bucket=BUCKET, Key=key)


def _keys(url: str) -> list[str]:
    listed = _client(url).list_objects_v2(Bucket=BUCKET)
    return [item["Key"] for item in listed.get("Contents", [])]


@cache
def _client(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="access",
        aws_secret_access_key="secret-of-the-bucket",
    )


class refusing:  # noqa: N801 - a context manager
    """A server that reads every request and answers with one status."""

    def __init__(self, status: int) -> None:
        self._requests: list[str] = []
        requests = self._requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # in 1.0 a client waits a second before it sends a body

            def do_POST(self) -> None:  # noqa: N802 - http.server calls them so
                self.do_PUT()

            def do_PUT(self) -> None:  # noqa: N802
                self.rfile.read(int(self.headers["content-length"]))
                requests.append(self.path)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.send_header("connection", "close")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The list is the log."""

        self._server = RoomyHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> tuple[str, list[str]]:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}", self._requests

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
