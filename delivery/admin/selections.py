"""A replay's filter, in words and as the first values of a form."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils import formats
from django.utils.dateparse import parse_datetime

from delivery.models import Endpoint, Recipient
from delivery.replay.selection import Selection


def in_words(stored: Mapping[str, Any]) -> str:
    """What is gone since is named by its id."""
    chosen = Selection.from_json(stored)
    words = [" or ".join(chosen.statuses)]
    if chosen.since:
        words.append(f"since {formats.localize(chosen.since)}")
    if chosen.until:
        words.append(f"until {formats.localize(chosen.until)}")
    if chosen.recipient_id:
        found = Recipient.objects.select_related("domain").filter(pk=chosen.recipient_id).first()
        words.append(f"for {found or chosen.recipient_id}")
    if chosen.endpoint_id:
        endpoint = Endpoint.objects.filter(pk=chosen.endpoint_id).first()
        words.append(f"to {endpoint or chosen.endpoint_id}")
    return ", ".join(words)


def as_query(given: Mapping[str, Any], chosen: Selection) -> str:
    """The cleaned form, for a page that begins with it."""
    query = QueryDict(mutable=True)
    query["domain"] = str(given["domain"].pk)
    query.setlist("statuses", list(chosen.statuses))
    named = {
        "since": chosen.since and chosen.since.isoformat(),
        "until": chosen.until and chosen.until.isoformat(),
        "recipient": chosen.recipient_id,
        "endpoint": chosen.endpoint_id,
        "reevaluate_rules": given["reevaluate_rules"] and "on",
    }
    for name, value in named.items():
        if value:
            query[name] = str(value)
    return query.urlencode()


def from_query(query: QueryDict) -> dict[str, Any]:
    """The reverse of `as_query`."""
    first: dict[str, Any] = dict(query.items())
    if "statuses" in query:
        first["statuses"] = query.getlist("statuses")
    for name in ("since", "until"):
        if name in first:
            first[name] = _moment(first[name])
    return first


def _moment(text: str) -> Any:
    try:
        return parse_datetime(text)
    except ValueError:
        return None
