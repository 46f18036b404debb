"""Which parts of a message belong into the bucket: by configuration, by domain, by rule."""

from delivery.jobs import Job
from delivery.kept import Kept, NotArchived
from delivery.models import StoredObject
from delivery.objects.bucket import Bucket
from delivery.objects.contents import Content, attachment_contents, raw_content
from delivery.objects.store import UPLOADS, InThread, Store
from delivery.trace import as_delivered
from fastsmtp.config import Config
from fastsmtp.mail.message import ParsedMessage


def open_keeper(config: Config, *, in_thread: InThread) -> "BucketKeeper":
    return BucketKeeper(config, Store(Bucket(config, connections=UPLOADS), in_thread=in_thread))


class BucketKeeper:
    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store

    def close(self) -> None:
        self._store.close()

    async def keep(self, job: Job, raw: bytes, mail: ParsedMessage) -> Kept:
        """Raises NotArchived, DatabaseError."""
        keeps_attachments = self._config.attachment_storage == "s3"
        archives = self._archives(job)
        contents: list[Content] = []
        if keeps_attachments:
            contents += attachment_contents(
                job,
                mail.attachments,
                prefix=self._config.s3_prefix,
                internet_message_id=mail.message_id,
            )
        if archives:
            delivered = as_delivered(job, raw)
            contents.append(raw_content(job, delivered, prefix=self._config.s3_raw_prefix))
        rows = await self._store.keep(job, contents) if contents else {}
        archived = rows.pop(StoredObject.RAW, None)
        if archives and archived is None and self._config.preserve_raw_required:
            raise NotArchived
        return Kept(
            links=self._store.bucket,
            attachments={number - 1: row for number, row in rows.items()},
            raw=archived,
            is_wanted=keeps_attachments,
        )

    def _archives(self, job: Job) -> bool:
        own = job.target.preserves_raw
        return job.preserve_raw or (self._config.preserve_raw_message if own is None else own)
