"""Figures as text, and texts in columns."""

from collections.abc import Sequence

from benchmarks.results import Percentiles


def show_latency(values: Percentiles | None) -> str:
    if values is None:
        return "-"
    return f"{values.p50:.1f}/{values.p95:.1f}/{values.p99:.1f}"


def show_number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def show_size(size: int) -> str:
    return f"{size / 1024:g} KB"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
