"""DNS for the verification of mail and for webhooks: a resolver, and pure code that uses it.

`Resolver` asks on the event loop. Code that verifies is synchronous and does no I/O: it gets a
`lookup` and is run by `with_answers`, again and again, until it has all the answers it wants.
"""

from fastsmtp.dns.answers import Answer, Lookup, Outcome, TemporaryDNSError
from fastsmtp.dns.memory import Memory
from fastsmtp.dns.replay import Missing, with_answers
from fastsmtp.dns.resolver import Resolver

__all__ = [
    "Answer",
    "Lookup",
    "Memory",
    "Missing",
    "Outcome",
    "Resolver",
    "TemporaryDNSError",
    "with_answers",
]
