from delivery.models.delivery import Attempt, Delivery
from delivery.models.endpoint import Endpoint, Lane
from delivery.models.message import Attachment, Message, RawChunk, RawMessage
from delivery.models.reception import Reception
from delivery.models.recipient import Recipient

__all__ = [
    "Attachment",
    "Attempt",
    "Delivery",
    "Endpoint",
    "Lane",
    "Message",
    "RawChunk",
    "RawMessage",
    "Reception",
    "Recipient",
]
