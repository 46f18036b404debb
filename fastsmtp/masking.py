"""Secrets on the way to a reader: a mask in their place, which on its way back keeps them."""

from collections.abc import Mapping

MASK = "********"


def mask_values(values: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(values, MASK)


def unmask_values[T](values: Mapping[str, T], *, stored: Mapping[str, T]) -> dict[str, T]:
    """Puts the stored value wherever the mask came back; raises ValueError if there is none."""
    unknown = [name for name, value in values.items() if value == MASK and name not in stored]
    if unknown:
        raise ValueError(f"no value is stored for {', '.join(unknown)}, so it cannot be kept")
    return {name: stored[name] if value == MASK else value for name, value in values.items()}
