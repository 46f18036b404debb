"""One mail transaction (RFC 5321 §3.3) on its way to the queue."""

from aiosmtpd.smtp import Envelope

from delivery.intake.recipients import FoundRecipient


class Transaction(Envelope):
    """aiosmtpd's envelope, with what the recipient lookup found.

    `deadline`, by the clock of the event loop, is when its data must be complete; None while
    there is no transaction.
    """

    deadline: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.recipients: dict[str, FoundRecipient] = {}

    def add(self, recipient: FoundRecipient) -> None:
        """A repeated recipient is folded; ours differ by more than the case of a letter."""
        self.recipients.setdefault(recipient.address.lower(), recipient)
