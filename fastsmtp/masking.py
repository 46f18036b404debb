"""Secrets on the way to a reader: a mask in their place, which on its way back keeps them."""

from collections.abc import Iterable, Mapping

MASK = "********"
SHORTEST_SECRET = 8  # characters; shorter ones are found in everything


def mask_values(values: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(values, MASK)


def unmask_values[T](values: Mapping[str, T], *, stored: Mapping[str, T]) -> dict[str, T]:
    """Puts the stored value wherever the mask came back; raises ValueError if there is none."""
    unknown = [name for name, value in values.items() if value == MASK and name not in stored]
    if unknown:
        raise ValueError(f"no value is stored for {', '.join(unknown)}, so it cannot be kept")
    return {name: stored[name] if value == MASK else value for name, value in values.items()}


def mask_in(text: str, secrets: Iterable[str]) -> str:
    """Masks what a stranger's text repeats of our secrets, whole or a word of them: the token of
    `Bearer …`."""
    words = {word for secret in secrets for word in (secret, *secret.split())}
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_SECRET:
            text = text.replace(word, MASK)
    return text
