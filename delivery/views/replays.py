from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import IsSuperuser
from accounts.scoping import InDomain
from delivery.models import Replay
from delivery.replay import replays
from delivery.serializers.deliveries import SelectionSerializer
from delivery.serializers.replays import ReplayDetailSerializer, ReplaySerializer
from fastsmtp.api.lookup import find_or_404
from fastsmtp.api.pagination import LogPagination


class BulkRetryView(InDomain, GenericAPIView):
    """Starts a replay, or only counts. What cannot be counted fast is null when a replay starts,
    and in the replay itself once it has collected all."""

    serializer_class = SelectionSerializer
    permission_classes = [IsSuperuser]

    def post(self, request: Request, **_: Any) -> Response:
        body = SelectionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        again = body.validated_data["reevaluate_rules"]
        selection = body.selection()
        try:
            replays.check(self.domain.id, selection, reevaluate_rules=again)
        except replays.InvalidSelection as error:
            raise ValidationError({error.part: str(error)}, code="not_replayable") from None
        if body.validated_data["dry_run"]:
            counted = replays.count(self.domain.id, selection, reevaluate_rules=again)
            return Response({**asdict(counted), "queued": 0, "dry_run": True})
        few = replays.count_few(self.domain.id, selection, reevaluate_rules=again)
        matches = asdict(few) if few else dict.fromkeys(("matched", "not_replayable"))
        replay = replays.start(
            self.domain.id,
            selection,
            reevaluate_rules=again,
            requested_by=request.user.username,
        )
        answer = {**matches, "queued": 0, "dry_run": False, "replay_id": replay.id}
        return Response(answer, status=HTTPStatus.ACCEPTED)


class ReplaysView(InDomain, ListAPIView):
    serializer_class = ReplaySerializer
    permission_classes = [IsSuperuser]
    pagination_class = LogPagination

    def get_queryset(self) -> QuerySet[Replay]:
        return Replay.objects.filter(domain_id=self.domain.id)


class ReplayView(InDomain, GenericAPIView):
    serializer_class = ReplayDetailSerializer
    permission_classes = [IsSuperuser]

    def find(self) -> Replay:
        rows = Replay.objects.filter(domain_id=self.domain.id)
        return find_or_404(rows, parameter="replay_id", text=self.kwargs["replay_id"])

    def get(self, request: Request, **_: Any) -> Response:
        return Response(self.get_serializer(self.find()).data)


class CancelReplayView(ReplayView):
    http_method_names = ["post"]

    def post(self, request: Request, **_: Any) -> Response:
        if not replays.cancel(self.find().id, by=request.user.username):
            raise ParseError("It has ended already.")
        return Response(self.get_serializer(self.find()).data)
