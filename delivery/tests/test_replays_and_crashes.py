"""A process that dies while it works on a replay loses nothing and doubles nothing."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from accounts.models import Domain
from delivery.models import Delivery, Recipient, ReplayItem
from delivery.replay import collection
from delivery.tests.records import create_endpoint
from delivery.tests.replaying import add_many, run_to_end, start

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = 25
WORK = """
import django, sys
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from delivery.replay import collection
from delivery.replay.feeding import Feeder
from delivery.tests.replaying import work_off
collection.AT_ONCE = 10
feeder = Feeder()
while feeder.step().has_moved:
    work_off()
"""


@pytest.mark.parametrize(
    ("point", "rules"),
    [
        ("after_collecting:1", False),
        ("after_collecting:2", False),
        ("in_feeding:2", False),
        ("after_feeding:1", False),
        # Rules change what feeding writes. The first was committed, the second is not.
        ("in_feeding:2", True),
    ],
)
def test_killed(monkeypatch: pytest.MonkeyPatch, domain: Domain, point: str, rules: bool) -> None:
    monkeypatch.setattr(collection, "AT_ONCE", 10)
    endpoint = create_endpoint(domain)
    recipient = Recipient.objects.create(domain=domain, local_part="a", webhook_url=endpoint.url)
    add_many(recipient, endpoint, COUNT)
    replay = start(recipient, reevaluate_rules=rules)
    name = str(connection.settings_dict["NAME"])
    environment = {**os.environ, "FASTSMTP_CRASH_AT": point}
    environment["DJANGO_SETTINGS_MODULE"] = "fastsmtp.settings"
    died = subprocess.run([sys.executable, "-c", WORK, name], env=environment, timeout=100)
    assert died.returncode == -9

    replay = run_to_end(replay)

    assert (replay.matched, replay.queued, replay.not_replayable) == (COUNT, COUNT, 0)
    if rules:
        assert Delivery.objects.filter(generation=1).count() == COUNT
        assert Delivery.objects.count() == 2 * COUNT
    else:
        assert set(Delivery.objects.values_list("replays", flat=True)) == {1}
    assert ReplayItem.objects.filter(replay=replay, is_queued=True).count() == COUNT
