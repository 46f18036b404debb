"""Whether there is an archive for what people ask to keep: domains and rules get one warning."""

from fastsmtp.config import config


def find_archive_warnings() -> tuple[str, ...]:
    if config().s3_bucket:
        return ()
    return ("raw messages are not archived until FASTSMTP_S3_BUCKET is set",)
