"""The admin of the directory and of the mail; superusers only. What moves mail goes through
`delivery.queue` and `delivery.deletion`, here as everywhere.
"""

from delivery.admin.deliveries import DeliveryAdmin
from delivery.admin.domains import DomainAdmin
from delivery.admin.endpoints import EndpointAdmin
from delivery.admin.messages import MessageAdmin
from delivery.admin.recipients import RecipientAdmin

__all__ = ["DeliveryAdmin", "DomainAdmin", "EndpointAdmin", "MessageAdmin", "RecipientAdmin"]
