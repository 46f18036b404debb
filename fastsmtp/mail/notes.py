"""What was found wrong with a message while it was read."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Notes:
    """Words for the defects, and names of fields (of the payload) that a limit cut: sets that keep
    their order.
    """

    defects: dict[str, None] = field(default_factory=dict)
    truncated: dict[str, None] = field(default_factory=dict)
