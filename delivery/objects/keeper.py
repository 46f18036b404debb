"""Which parts of a message belong into the bucket: by configuration, by domain, by rule."""

from delivery.bodies.kept import InThread, Kept, NotArchived
from delivery.bodies.trace import as_delivered
from delivery.jobs import Job
from delivery.models import StoredObject
from delivery.objects.archives import is_wanted
from delivery.objects.archivist import AT_ONCE, PATIENCE, Archivist
from delivery.objects.bucket import Bucket
from delivery.objects.contents import Content, attachment_contents, raw_content
from delivery.objects.store import UPLOADS, Store
from fastsmtp.config import Config
from fastsmtp.mail.message import ParsedMessage


def open_keeper(
    config: Config, *, in_thread: InThread, in_archive_thread: InThread
) -> "BucketKeeper":
    bucket = Bucket(config, connections=UPLOADS + AT_ONCE)
    archive = Store(bucket, in_thread=in_archive_thread, uploads=AT_ONCE, patience=PATIENCE)
    archivist = Archivist(archive, prefix=config.s3_raw_prefix, in_thread=in_archive_thread)
    return BucketKeeper(config, Store(bucket, in_thread=in_thread), archivist)


class BucketKeeper:
    def __init__(self, config: Config, store: Store, archivist: Archivist) -> None:
        self.archivist = archivist
        self._config = config
        self._store = store
        self._keeps_attachments = config.attachment_storage == "s3"

    def close(self) -> None:
        self.archivist.close()
        self._store.close()

    async def keep(self, job: Job, raw: bytes, mail: ParsedMessage, compute: InThread) -> Kept:
        """Raises NotArchived, DatabaseError."""
        contents = await compute(self._contents, job, raw, mail)
        rows = await self._store.keep(job.message_id, contents, compute) if contents else {}
        archived = rows.pop(StoredObject.RAW, None)
        if archived is None and self._archives(job) and self._config.preserve_raw_required:
            raise NotArchived
        return Kept(
            links=self._store.bucket,
            attachments={number - 1: row for number, row in rows.items()},
            raw=archived,
            is_wanted=self._keeps_attachments,
        )

    def _contents(self, job: Job, raw: bytes, mail: ParsedMessage) -> list[Content]:
        contents: list[Content] = []
        if self._keeps_attachments:
            contents += attachment_contents(
                job,
                mail.attachments,
                prefix=self._config.s3_prefix,
                internet_message_id=mail.message_id,
            )
        if self._archives(job):
            delivered = as_delivered(job, raw)
            contents.append(raw_content(job, delivered, self._config.s3_raw_prefix))
        return contents

    def _archives(self, job: Job) -> bool:
        return is_wanted(
            by_rule=job.preserve_raw,
            by_domain=job.target.preserves_raw,
            by_default=self._config.preserve_raw_message,
        )
