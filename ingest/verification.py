"""DKIM (RFC 6376) and SPF (RFC 7208) of a mail, side by side, before it is stored.

Nothing waits in a thread while DNS is slow, and trouble with DNS, or with us, is `temperror`: it
refuses no mail.
"""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from delivery.intake.recipients import FoundRecipient
from delivery.intake.submission import Authentication
from fastsmtp.config import Config
from fastsmtp.dns import Lookup, Memory, Resolver
from fastsmtp.mail import dkim, spf
from fastsmtp.mail.authres import MethodResult, describe_dkim, describe_spf, write_results
from fastsmtp.mail.headers import summarize
from fastsmtp.mail.words import unfold
from ingest.dkim_keys import fetch_keys
from ingest.limits import is_in
from ingest.session import ClientSession
from ingest.transaction import Transaction

log = logging.getLogger(__name__)

MAX_DOMAIN = 253  # characters that are stored of one
LARGE = 256 * 1024  # bytes; hashing more would hold up other sessions, so a thread does it
REMEMBERED_POLICIES = 2000  # of a client and a sender; each rests on at most 16 KiB of answers
DKIM_REFUSAL, SPF_REFUSAL = "dkim_fail", "spf_fail"  # reasons of a dropped delivery


_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Finding:
    """The result of a method, the domain it is about, and what the header says of it."""

    result: str = "none"
    domain: str | None = None
    described: tuple[MethodResult, ...] = ()


class Verifier:
    """What a domain leaves open is decided by the configuration."""

    def __init__(self, resolver: Resolver, config: Config) -> None:
        self._resolver = resolver
        self._policies: Memory[tuple[str, ...], spf.SPFResult] = Memory(
            resolver, most=REMEMBERED_POLICIES
        )
        self._config = config
        self._timeout = config.smtp_auth_timeout.total_seconds()

    async def verify(
        self, session: ClientSession, transaction: Transaction, content: bytes
    ) -> Authentication:
        """Takes at most FASTSMTP_SMTP_AUTH_TIMEOUT; asks only for what one of the domains wants."""
        recipients = transaction.recipients.values()
        has_dkim = any(map(self._wants_dkim, recipients))
        has_spf = any(map(self._wants_spf, recipients)) and not self._is_ours(session.client_ip)
        if not has_dkim and not has_spf:
            return Authentication()
        signature, sender = await asyncio.gather(
            _settle("dkim", self._check_dkim(content)) if has_dkim else _skip(),
            _settle("spf", self._check_spf(session, transaction)) if has_spf else _skip(),
        )
        return Authentication(
            dkim_result=signature.result,
            dkim_domain=signature.domain,
            spf_result=sender.result,
            spf_domain=sender.domain,
            header=self._write_header([*sender.described, *signature.described]),
        )

    def _write_header(self, described: Sequence[MethodResult]) -> str:
        if not described:
            return ""
        _, _, value = write_results(self._config.our_hostname, described).partition(b":")
        # Not decoded: what a sender wrote into a quoted string must stay inside of it.
        return unfold(value).decode()

    def refusals(
        self, recipients: Collection[FoundRecipient], authentication: Authentication
    ) -> dict[UUID, str]:
        """The domains that do not want this mail, with the reason."""
        return {
            recipient.domain_id: reason
            for recipient in recipients
            if (reason := self._refusal(recipient, authentication))
        }

    def _refusal(self, recipient: FoundRecipient, authentication: Authentication) -> str | None:
        policy, config = recipient.policy, self._config
        has_bad_signature = authentication.dkim_result == "fail" and self._wants_dkim(recipient)
        if has_bad_signature and _choose(policy.reject_dkim_fail, config.smtp_reject_dkim_fail):
            return DKIM_REFUSAL
        is_forbidden = authentication.spf_result == "fail" and self._wants_spf(recipient)
        if is_forbidden and _choose(policy.reject_spf_fail, config.smtp_reject_spf_fail):
            return SPF_REFUSAL
        return None

    def _is_ours(self, client_ip: str) -> bool:
        """What a relay of ours brings was somebody else's at the border: SPF knows nothing of it
        (RFC 7208 §2.4)."""
        return is_in(client_ip, [*_LOOPBACK, *self._config.smtp_trusted_networks])

    def _wants_dkim(self, recipient: FoundRecipient) -> bool:
        return _choose(recipient.policy.verify_dkim, self._config.smtp_verify_dkim)

    def _wants_spf(self, recipient: FoundRecipient) -> bool:
        return _choose(recipient.policy.verify_spf, self._config.smtp_verify_spf)

    async def _check_dkim(self, content: bytes) -> _Finding:
        verification = dkim.Verification(content)
        look_up = await fetch_keys(self._resolver, verification, timeout=self._timeout)
        if len(content) > LARGE:  # about 10 ms a megabyte
            signatures = await asyncio.to_thread(verification.verify, look_up)
        else:
            signatures = verification.verify(look_up)
        # Only where there are several to choose from.
        from_domain = _find_from_domain(content) if len(signatures) > 1 else ""
        chosen = dkim.choose(signatures, from_domain)
        return _Finding(
            result=chosen.result,
            domain=chosen.domain or None,
            described=tuple(map(describe_dkim, signatures or [chosen])),
        )

    async def _check_spf(self, session: ClientSession, transaction: Transaction) -> _Finding:
        ip, mail_from, helo = (
            session.client_ip,
            transaction.mail_from or "",
            session.host_name or "",
        )
        async with asyncio.timeout(self._timeout):
            found = await self._recall_policy(ip, mail_from, helo)
        described = describe_spf(found.result, mail_from=mail_from, helo=helo, reason=found.reason)
        return _Finding(
            result=found.result,
            domain=found.domain[:MAX_DOMAIN] or None,  # a HELO may hold anything
            described=(described,),
        )

    async def _recall_policy(self, ip: str, mail_from: str, helo: str) -> spf.SPFResult:
        """For the domain, and only if its policy looks at more than that for the sender."""

        def check(lookup: Lookup) -> spf.SPFResult:
            return spf.check(ip=ip, mail_from=mail_from, helo=helo, lookup=lookup)

        _, domain = spf.split_sender(mail_from=mail_from, helo=helo)
        found = await self._policies.recall((ip, domain), check, timeout=self._timeout)
        if not found.has_sender_macro:
            return found
        return await self._policies.recall((ip, mail_from, helo), check, timeout=self._timeout)


def _find_from_domain(content: bytes) -> str:
    return summarize(content).from_address.rpartition("@")[2]


async def _settle(method: str, check: Coroutine[Any, Any, _Finding]) -> _Finding:
    try:
        return await check
    except TimeoutError:
        reason = "no answer in time"
    except Exception:
        log.exception("a mail could not be verified")
        reason = "internal error"
    described = MethodResult(method=method, result="temperror", reason=reason)
    return _Finding(result="temperror", described=(described,))


async def _skip() -> _Finding:
    return _Finding()


def _choose(own: bool | None, default: bool) -> bool:
    return default if own is None else own
