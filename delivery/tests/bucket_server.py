"""An S3 server for tests, with a bucket named `mails`; and one that behaves badly."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

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
    listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {
        item["Key"]: client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        for item in listed
    }


def empty(url: str) -> None:
    for key in contents(url):
        _client(url).delete_object(Bucket=BUCKET, Key=key)


def _client(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="access",
        aws_secret_access_key="secret-of-the-bucket",
    )
