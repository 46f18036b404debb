"""Facts in, Verdict out."""

from rules.facts import Facts, Verdict


def evaluate(facts: Facts) -> Verdict:
    """Forwards everything: rule sets are stored already, and evaluated from a later version."""
    return Verdict()
