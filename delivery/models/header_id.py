"""Finding messages by a whole Message-ID: `internet_message_id__whole`.

On PostgreSQL an index has a number made of it. One of the text itself takes 2,704 bytes at most,
and in a hash index each message of one Message-ID has to walk past all others before it.
"""

from typing import Any

from django.db.models import Lookup

_EQUAL = "{left} = {right}"
_BY_INDEX = "(hashtextextended({left}, 0) = hashtextextended({right}, 0) AND {left} = {right})"


class Whole(Lookup):
    lookup_name = "whole"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        values = (*left_values, *right_values)
        if connection.vendor == "postgresql":
            return _BY_INDEX.format(left=left, right=right), 2 * values
        return _EQUAL.format(left=left, right=right), values
