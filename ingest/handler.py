"""Between the dialogue and the queue: whom the mail is for, and the reply that it earns."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, InterfaceError

from delivery.intake.queue import store_large
from delivery.intake.recipients import FoundRecipient, RecipientCache, Unknown
from delivery.intake.submission import Submission
from fastsmtp.db import release_connection, unit_of_work
from fastsmtp.mail.address import Mailbox
from fastsmtp.mail.headers import count_hops
from fastsmtp.mail.trace import name_protocol
from ingest import replies
from ingest.budget import ByteBudget, Reservation
from ingest.session import ClientSession
from ingest.transaction import Transaction
from ingest.verification import DKIM_REFUSAL, SPF_REFUSAL, Verifier
from ingest.writer import Deferred, Writer

log = logging.getLogger(__name__)

MAX_HOPS = 100  # servers that a mail has passed (RFC 5321 §6.3)
THREADS = 3  # for recipients that are not cached and for large messages

_VERIFICATION_REFUSALS = {DKIM_REFUSAL: replies.DKIM_FAIL, SPF_REFUSAL: replies.SPF_FAIL}
_REFUSALS = {Unknown.DOMAIN: replies.UNKNOWN_DOMAIN, Unknown.LOCAL_PART: replies.UNKNOWN_MAILBOX}


class Handler:
    """What the dialogues of a server share: thin, translates and calls."""

    def __init__(
        self, *, writer: Writer, budget: ByteBudget, verifier: Verifier, max_recipients: int
    ) -> None:
        self._writer = writer
        self._verifier = verifier
        self._budget = budget
        self._max_recipients = max_recipients
        self._cache = RecipientCache()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="handler")

    def stop(self) -> None:
        """Waits for the threads."""
        self._threads.shutdown()

    async def recipient(self, transaction: Transaction, mailbox: Mailbox) -> str:
        """The reply to RCPT; a found recipient joins the transaction."""
        if len(transaction.recipients) >= self._max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        answer = self._cache.peek(mailbox)
        if answer is None:
            try:
                answer = await self._in_thread(self._cache.look_up, mailbox)
            except (DatabaseError, InterfaceError):
                log.exception("recipient lookup failed")
                return replies.LOCAL_ERROR
        if not isinstance(answer, FoundRecipient):
            return _REFUSALS[answer]
        transaction.add(answer)
        return replies.RECIPIENT_OK

    async def _in_thread[A, T](self, function: Callable[[A], T], argument: A) -> T:
        def work() -> T:
            # Look-ups are rare, thanks to the cache: between them the pool has the connection.
            try:
                with unit_of_work():
                    return function(argument)
            finally:
                release_connection()

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def reserve(self) -> Reservation | None:
        return self._budget.reserve()

    async def message(
        self, session: ClientSession, transaction: Transaction, content: bytes
    ) -> str:
        """The reply to the final dot: 250 only once the message is committed."""
        if count_hops(content) > MAX_HOPS:
            return replies.LOOP
        recipients = tuple(transaction.recipients.values())
        authentication = await self._verifier.verify(session, transaction, content)
        refusals = self._verifier.refusals(recipients, authentication)
        if all(recipient.domain_id in refusals for recipient in recipients):
            return _VERIFICATION_REFUSALS[refusals[recipients[0].domain_id]]
        submission = Submission.create(
            raw=content,
            mail_from=transaction.mail_from or "",
            recipients=recipients,
            helo=session.host_name or "",
            client_ip=session.client_ip,
            tls=session.tls,
            smtputf8=bool(transaction.smtp_utf8),
            protocol=name_protocol(
                is_extended=bool(session.extended_smtp),
                is_tls=session.is_encrypted,
                is_utf8=bool(transaction.smtp_utf8),
            ),
            authentication=authentication,
            refusals=refusals,
        )
        try:
            if submission.is_large:
                await self._in_thread(store_large, submission)
            message_id = await self._writer.submit(submission)
        except (Deferred, DatabaseError, InterfaceError) as error:
            log.warning("message deferred: %s", error)
            return replies.LOCAL_ERROR
        return replies.queued(message_id)
