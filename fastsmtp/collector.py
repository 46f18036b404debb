"""Python's search for cycles of objects, made rare in processes that run for long."""

import gc

YOUNG_OBJECTS = 10_000  # that are made before the collector looks for cycles; 700 by default


def spare_collector() -> None:
    """What is imported by now stays for ever, and a mail makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
