from delivery.models.archive_due import ArchiveDue
from delivery.models.delivery import Attempt, Delivery
from delivery.models.endpoint import Endpoint, Lane
from delivery.models.event import EventNote, EventSending, Incident, OperationalEvent
from delivery.models.lease import Lease
from delivery.models.message import Message, RawChunk, RawMessage
from delivery.models.reception import Reception
from delivery.models.recipient import Recipient
from delivery.models.relocation import Relocation
from delivery.models.replay import Replay, ReplayItem
from delivery.models.stored_object import StoredObject
from delivery.models.upload import Upload

__all__ = [
    "ArchiveDue",
    "Attempt",
    "Delivery",
    "Endpoint",
    "EventNote",
    "EventSending",
    "Incident",
    "Lane",
    "Lease",
    "Message",
    "OperationalEvent",
    "RawChunk",
    "RawMessage",
    "Reception",
    "Recipient",
    "Relocation",
    "Replay",
    "ReplayItem",
    "StoredObject",
    "Upload",
]
