from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from delivery.models import Replay
from delivery.replay import replays


class ReplaySerializer(serializers.ModelSerializer):
    domain_id = serializers.UUIDField(read_only=True)
    matched = serializers.IntegerField(source="matched_in_all", read_only=True)

    class Meta:
        model = Replay
        fields = [
            "id",
            "domain_id",
            "requested_by",
            "filter",
            "reevaluate_rules",
            "state",
            "reason",
            "matched",
            "queued",
            "not_replayable",
            "created_at",
            "finished_at",
        ]


class ReplayDetailSerializer(ReplaySerializer):
    """With what became of its deliveries so far."""

    def to_representation(self, replay: Replay) -> dict[str, Any]:
        return super().to_representation(replay) | asdict(replays.progress(replay))
