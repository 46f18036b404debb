from django.urls import path

from delivery.views.deliveries import (
    DeliveriesView,
    DeliveryView,
    DiscardView,
    ReleaseView,
    RetryView,
)
from delivery.views.endpoints import (
    DisableView,
    EnableView,
    EndpointsView,
    EndpointTestView,
    EndpointView,
)
from delivery.views.recipients import RecipientsView
from delivery.views.replays import BulkRetryView, CancelReplayView, ReplaysView, ReplayView
from delivery.views.rules_test import RulesTestView
from delivery.views.secrets import RotateSecretView, SecretView

DOMAIN = "domains/<str:domain_id>"
ENDPOINT = f"{DOMAIN}/endpoints/<str:endpoint_id>"
DELIVERY = "delivery-log/<str:delivery_id>"

urlpatterns = [
    path(f"{DOMAIN}/recipients", RecipientsView.as_view()),
    path(f"{DOMAIN}/rules/test", RulesTestView.as_view()),
    path(f"{DOMAIN}/endpoints", EndpointsView.as_view()),
    path(ENDPOINT, EndpointView.as_view()),
    path(f"{ENDPOINT}/enable", EnableView.as_view()),
    path(f"{ENDPOINT}/disable", DisableView.as_view()),
    path(f"{ENDPOINT}/test", EndpointTestView.as_view()),
    path(f"{ENDPOINT}/secret", SecretView.as_view()),
    path(f"{ENDPOINT}/rotate-secret", RotateSecretView.as_view()),
    path(f"{DOMAIN}/delivery-log", DeliveriesView.as_view()),
    path(f"{DOMAIN}/delivery-log/retry", BulkRetryView.as_view()),
    path(f"{DOMAIN}/replays", ReplaysView.as_view()),
    path(f"{DOMAIN}/replays/<str:replay_id>", ReplayView.as_view()),
    path(f"{DOMAIN}/replays/<str:replay_id>/cancel", CancelReplayView.as_view()),
    path(DELIVERY, DeliveryView.as_view()),
    path(f"{DELIVERY}/retry", RetryView.as_view()),
    path(f"{DELIVERY}/release", ReleaseView.as_view()),
    path(f"{DELIVERY}/discard", DiscardView.as_view()),
]
