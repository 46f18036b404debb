"""Numbers in sentences."""


def counted(count: int, one: str, many: str = "") -> str:
    """`1 delivery was`, `2 deliveries were`; `many` need not be told where an s is enough."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
