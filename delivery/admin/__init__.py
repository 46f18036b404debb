"""The admin of the directory and of the mail; superusers only. What moves mail goes through
`delivery.by_hand`, here as everywhere.
"""

from delivery.admin import labels
from delivery.admin.deliveries import DeliveryAdmin
from delivery.admin.domains import DomainAdmin
from delivery.admin.endpoints import EndpointAdmin
from delivery.admin.events import EventAdmin
from delivery.admin.messages import MessageAdmin
from delivery.admin.recipients import RecipientAdmin
from delivery.admin.replays import ReplayAdmin

__all__ = [
    "DeliveryAdmin",
    "DomainAdmin",
    "EndpointAdmin",
    "EventAdmin",
    "MessageAdmin",
    "RecipientAdmin",
    "ReplayAdmin",
    "labels",
]
