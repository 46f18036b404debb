from delivery.models.delivery import Attempt, Delivery
from delivery.models.endpoint import Endpoint, Lane
from delivery.models.message import Message, RawChunk, RawMessage
from delivery.models.reception import Reception
from delivery.models.recipient import Recipient
from delivery.models.stored_object import StoredObject

__all__ = [
    "Attempt",
    "Delivery",
    "Endpoint",
    "Lane",
    "Message",
    "RawChunk",
    "RawMessage",
    "Reception",
    "Recipient",
    "StoredObject",
]
