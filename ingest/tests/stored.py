"""What the server has stored, as tests look at it."""

from delivery.models import Message


def only_message() -> Message:
    return Message.objects.select_related("raw").get()


def contents() -> list[bytes]:
    """The bytes of every message, in the order of their arrival."""
    messages = Message.objects.select_related("raw").order_by("id")
    raws = [message.raw for message in messages if message.raw is not None]
    return [content for raw in raws if (content := raw.read()) is not None]
