"""The lists of the API and of the admin, as calls that answer in this process: all of a request but
the socket. What they look for is rare or absent, which costs most.
"""

import uuid
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

LIMIT = 50  # rows of a page
ADMIN = "bench"
SOON = "2100-01-01T00:00:00Z"
LONG_AGO = "2000-01-01T00:00:00Z"

type Filters = Mapping[str, str]

STATUSES = (
    *("pending", "failed", "delivered", "exhausted", "dropped", "quarantined"),
    *("discarded", "cancelled", "held", "sending"),
)


def list_calls(domain_id: uuid.UUID) -> Mapping[str, Callable[[], object]]:
    """By name. Raises RuntimeError from a call that is not answered with a page."""
    log = f"/api/v1/domains/{domain_id}/delivery-log"
    calls = {f"list {name}": _get(log, **filters) for name, filters in _log_filters().items()}
    calls |= {
        "list endpoints": _get(f"/api/v1/domains/{domain_id}/endpoints", limit="50"),
        "list replays": _get(f"/api/v1/domains/{domain_id}/replays"),
        "ready, with the queue": _get("/api/v1/ready", include_queue="true"),
    }
    return calls | {
        f"admin: {name}": _get(f"/admin/delivery/{path}", **filters)
        for name, (path, filters) in _admin_pages(str(domain_id)).items()
    }


def _log_filters() -> dict[str, Filters]:
    filters: dict[str, Filters] = {"all": {}}
    filters |= {status: {"status": status} for status in STATUSES}
    nobody = str(uuid.UUID(int=1))
    return filters | {
        "exhausted since": {"status": "exhausted", "since": LONG_AGO, "until": SOON},
        "delivered since": {"status": "delivered", "since": LONG_AGO, "until": SOON},
        "of a recipient": {"recipient_id": nobody},
        "exhausted of a recipient": {"status": "exhausted", "recipient_id": nobody},
        "of a Message-ID": {"message_id": "<nobody@example.com>"},
    }


def _admin_pages(domain_id: str) -> dict[str, tuple[str, Filters]]:
    pages: dict[str, tuple[str, Filters]] = {
        "deliveries": ("delivery/", {}),
        "deliveries, search": ("delivery/", {"q": "nobody"}),
        "deliveries of a domain": ("delivery/", {"domain__id__exact": domain_id}),
        "deliveries, last year": (
            "delivery/",
            {"created_at_from_0": "2000-01-01", "created_at_to_0": "2001-01-01"},
        ),
        "messages": ("message/", {}),
        "messages, search": ("message/", {"q": "nobody"}),
        "messages of a domain": ("message/", {"domain__id__exact": domain_id}),
        "endpoints": ("endpoint/", {}),
        "endpoints, disabled": ("endpoint/", {"lane__state__exact": "disabled"}),
        "endpoints, search": ("endpoint/", {"q": "nobody"}),
        "replays": ("replay/", {}),
        "events": ("operationalevent/", {}),
    }
    for status in STATUSES[:-2]:
        pages[f"deliveries, {status}"] = ("delivery/", {"status__exact": status})
    for state in STATUSES[-2:]:
        pages[f"deliveries, {state}"] = ("delivery/", {"state": state})
    return pages


def _get(path: str, **query: str) -> Callable[[], object]:
    from django.contrib.auth import get_user_model
    from django.test import Client

    from fastsmtp.config import config

    key = config().root_api_key
    assert key is not None
    client = Client(headers={"X-API-Key": key.get_secret_value()})
    if path.startswith("/admin/"):
        admin, _ = get_user_model().objects.get_or_create(username=ADMIN, is_superuser=True)
        client.force_login(admin)
    url = f"{path}?{urlencode(query)}"

    def call() -> None:
        response = client.get(url)
        if response.status_code != 200:
            raise RuntimeError(f"{url}: {response.status_code}")

    return call
