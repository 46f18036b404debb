"""An S3 bucket: put an object, tell where it is, and delete it.

boto3 blocks, so this belongs into threads; a client may be shared by them. Addresses are in path
style (`https://host/bucket/key`), which every server that speaks S3 understands.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import quote

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from fastsmtp.config import Config

CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 10.0  # seconds for each answer
DELETED_AT_ONCE = 1000  # objects in one request, by S3's own limit
OWNER = "fastsmtp-message"  # metadata of each object: the message that it belongs to


class StorageError(Exception):
    """The bucket did not do what it was asked; the text says why, without secrets."""


class KeyTaken(Exception):
    """There is an object with that key, and it belongs to another message."""


class Bucket:
    def __init__(self, config: Config, *, connections: int) -> None:
        """`connections`: how many threads use it at once."""
        self.name = config.s3_bucket
        self._knows_conditions = True  # until it says otherwise
        self._address = config.s3_endpoint_url.rstrip("/") or (
            f"https://s3.{config.s3_region}.amazonaws.com"
        )
        self._client = boto3.client(
            "s3",
            endpoint_url=self._address,
            region_name=config.s3_region,
            aws_access_key_id=config.s3_access_key.get_secret_value(),
            aws_secret_access_key=config.s3_secret_key.get_secret_value(),
            config=ClientConfig(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"total_max_attempts": 1},  # the next attempt of the delivery is the retry
                max_pool_connections=connections,
                # Checksums that many servers other than AWS do not know.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

        # Asked for by many servers where AWS takes any checksum.
        self._client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)

    def put(self, key: str, content: bytes, *, content_type: str, owner: str) -> None:
        """Overwrites. Raises StorageError."""
        with _storage_errors():
            self._put(key, content, content_type, owner)

    def put_new(self, key: str, content: bytes, *, content_type: str, owner: str) -> None:
        """As `put`, but raises KeyTaken for an object of somebody else. One of the owner is from a
        PUT whose answer was lost. A server that knows no conditional PUT overwrites."""
        condition = {"IfNoneMatch": "*"} if self._knows_conditions else {}
        with _storage_errors():
            try:
                self._put(key, content, content_type, owner, **condition)
            except ClientError as error:
                match _status(error):
                    case 412 if self._owner(key) != owner:
                        raise KeyTaken(key) from None
                    case 501 if condition:
                        self._knows_conditions = False
                    case status if status != 412:
                        raise
                self._put(key, content, content_type, owner)

    def _put(
        self, key: str, content: bytes, content_type: str, owner: str, **condition: str
    ) -> None:
        self._client.put_object(
            Bucket=self.name,
            Key=key,
            Body=content,
            ContentType=content_type,
            # A sender's HTML is saved by browsers, not shown: it would run as a page of the bucket.
            ContentDisposition="attachment",
            Metadata={OWNER: owner},
            **condition,
        )

    def _owner(self, key: str) -> str | None:
        """None if it has none, or we may not know."""
        try:
            found = self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if _status(error) in (403, 404):
                return None
            raise
        owner: str | None = found["Metadata"].get(OWNER)
        return owner

    def delete(self, keys: Sequence[str], *, bucket: str) -> dict[str, str]:
        """At most `DELETED_AT_ONCE`; one that is not there counts as deleted. `bucket` is where
        they were put. Returns those that were refused, with the reason. Raises StorageError."""
        objects = [{"Key": key} for key in keys]
        with _storage_errors():
            answer = self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": objects, "Quiet": True}
            )
        return {item["Key"]: item.get("Code", "refused") for item in answer.get("Errors", [])}

    def url(self, key: str) -> str:
        """Where the object is, for who has access to the bucket."""
        return f"{self._address}/{self.name}/{quote(key, safe='/@')}"

    def presigned_url(self, key: str, *, seconds: int) -> str:
        """A link that anybody may use so long. Nobody is asked: the signature is made here."""
        link: str = self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=seconds
        )
        return link

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _add_md5(params: dict[str, Any], **_: object) -> None:
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = b64encode(digest).decode()


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise StorageError(str(error)) from None


def _status(error: ClientError) -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status
