"""An S3 bucket: put an object, and tell where it is.

boto3 blocks, so this belongs into threads; a client may be shared by them. Addresses are in path
style (`https://host/bucket/key`), which every server that speaks S3 understands.
"""

from typing import Self
from urllib.parse import quote

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from fastsmtp.config import Config

CONNECT_TIMEOUT = 3.0  # seconds
READ_TIMEOUT = 10.0  # seconds for each answer


class StorageError(Exception):
    """The object was not stored; the text says why, without secrets."""


class Bucket:
    def __init__(self, config: Config, *, connections: int) -> None:
        """`connections`: how many threads use it at once."""
        self.name = config.s3_bucket
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

    def put(self, key: str, content: bytes, *, content_type: str) -> None:
        """Overwrites. Raises StorageError."""
        try:
            self._client.put_object(
                Bucket=self.name, Key=key, Body=content, ContentType=content_type
            )
        except (ClientError, BotoCoreError) as error:
            raise StorageError(str(error)) from None

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
