"""Runs synchronous, pure code that needs DNS, without a thread and without blocking.

The code asks `lookup(name, rdtype)`. What the resolver does not know yet ends the run; it is
resolved on the loop, and the code runs again from the start with one more answer. So where all is
in the cache, as for most mail, there is one run. The libraries that verify mail
cost well under a millisecond per run, which is less than a hand-over to a thread and back, and no
slow name server can use up a pool of threads.
"""

import asyncio
from collections.abc import Callable

from fastsmtp.dns.answers import Answer, Lookup, Outcome, Question, unwrap
from fastsmtp.dns.resolver import Resolver

# SPF may ask 1 + 10 × 11 times (RFC 7208 §4.6.4: ten `mx` of ten hosts), DKIM once per signature.
MAX_ROUNDS = 150


class Missing(BaseException):
    """The answer to a question is not known yet; only `with_answers` catches it.

    Not an Exception, so that `except Exception` in a library does not go on without the answer.
    """


async def with_answers[T](
    resolver: Resolver,
    function: Callable[[Lookup], T],
    *,
    timeout: float,  # noqa: ASYNC109
    answers: dict[Question, Outcome] | None = None,
) -> T:
    """What `function(lookup)` returns or raises once all of its lookups were answered.

    It must depend on nothing but its lookups. In all of its runs a name has the same answer, and
    where there is none `lookup` raises TemporaryDNSError, each time. Raises TimeoutError after
    `timeout` seconds, or if the lookups have no end. `answers` gets those that it saw.
    """
    answers = {} if answers is None else answers
    async with asyncio.timeout(timeout):
        for _ in range(MAX_ROUNDS):
            run = _Run(resolver, answers)
            try:
                result = function(run.lookup)
            except (Missing, Exception):
                if not run.missing:
                    raise
            else:
                if not run.missing:
                    return result
            questions = list(run.missing)
            outcomes = await asyncio.gather(*(resolver.outcome(*asked) for asked in questions))
            answers.update(zip(questions, outcomes, strict=True))
    raise TimeoutError(f"More than {MAX_ROUNDS} rounds of lookups")


class _Run:
    """One run. It counts only if nothing is in `missing`, whatever a bare `except:` swallowed."""

    def __init__(self, resolver: Resolver, answers: dict[Question, Outcome]) -> None:
        self._resolver = resolver
        self._answers = answers
        self.missing: dict[Question, None] = {}  # a set would lose the order

    def lookup(self, name: str, rdtype: str) -> Answer:
        outcome = self._answers.get((name, rdtype))
        if outcome is None:
            outcome = self._resolver.peek(name, rdtype)
            if outcome is None:
                self.missing[name, rdtype] = None
                raise Missing(name, rdtype)
            self._answers[name, rdtype] = outcome
        return unwrap(outcome)
