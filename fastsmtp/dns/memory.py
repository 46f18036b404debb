"""What pure code made of DNS answers, kept for as long as these answers are the resolver's.

The same sender writes again and again from the same machine; what its policy says of it has to be
worked out once. A record that expires or changes makes the result forgotten. A result keeps its
answers alive, whatever else stands in them and whatever the resolver's cache has room for: one that
rests on much is not kept.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from fastsmtp.dns.answers import Lookup, Outcome, Question
from fastsmtp.dns.cache import measure
from fastsmtp.dns.replay import with_answers
from fastsmtp.dns.resolver import Resolver

# All answers of one result, as the cache measures them; eleven policies of 900 octets fit in.
MAX_OCTETS = 16 * 1024

type _Answers = dict[Question, Outcome]


class Memory[K: Hashable, T]:
    """Of one kind of result; the key is all that it depends on beside the answers."""

    def __init__(self, resolver: Resolver, *, most: int) -> None:
        """`most`: results that are kept; the one that was used longest ago goes first."""
        self._resolver = resolver
        self._most = most
        self._known: OrderedDict[K, tuple[T, _Answers]] = OrderedDict()

    async def recall(
        self,
        key: K,
        function: Callable[[Lookup], T],
        *,
        timeout: float,  # noqa: ASYNC109
    ) -> T:
        """`function(lookup)`, by `with_answers` where its result is not known. Raises what that
        does."""
        known = self._known.get(key)
        if known is not None and self._still_hold(known[1]):
            self._known.move_to_end(key)
            return known[0]
        answers: _Answers = {}
        result = await with_answers(self._resolver, function, timeout=timeout, answers=answers)
        self._known.pop(key, None)
        if sum(map(measure, answers.values())) <= MAX_OCTETS:
            self._known[key] = (result, answers)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return result

    def _still_hold(self, answers: _Answers) -> bool:
        return all(
            self._resolver.peek(*question) is outcome for question, outcome in answers.items()
        )
