"""Small drawings of characters: a sparkline of a series, a bar of an interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ZERO: Final = "┆"
OFF_LEFT: Final = "◂"
OFF_RIGHT: Final = "▸"
"""Where an interval goes on beyond the scale."""


def sparkline(values: Sequence[float | None], width: int = 14) -> str:
    """A series in at most `width` characters, from its lowest to its highest value; undefined days are blank.

    A longer series is thinned evenly, and keeps its last value.
    """
    if len(values) > width:
        values = [values[round((place + 1) * len(values) / width) - 1] for place in range(width)]
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(_LEVELS) - 1
    return "".join(
        " " if value is None else _LEVELS[top // 2 if span == 0 else round((value - low) / span * top)]
        for value in values
    )


def interval_bar(
    value: float | None, low: float | None, high: float | None, *, ends: tuple[float, float], width: int = 16
) -> str:
    """An interval with its estimate on a scale from `ends[0]` to `ends[1]`, where zero is dotted.

    An open end reaches the edge; where both are, there is no interval, and the estimate stands alone. What lies beyond
    an edge is an arrow there. Empty where there is no estimate.
    """
    if value is None:
        return ""

    def place(number: float) -> int:
        share = (number - ends[0]) / (ends[1] - ends[0])
        return min(width - 1, max(0, round(share * (width - 1))))

    cells = [" "] * width
    cells[place(0.0)] = _ZERO
    first, last = (place(ends[0] if low is None else low), place(ends[1] if high is None else high))
    if low is not None or high is not None:
        cells[first : last + 1] = "━" * (last - first + 1)
        if first <= place(0.0) <= last:
            cells[place(0.0)] = "┿"
    if ends[0] <= value <= ends[1]:
        cells[place(value)] = "●"
    if min(value, value if low is None else low) < ends[0]:
        cells[0] = OFF_LEFT
    if max(value, value if high is None else high) > ends[1]:
        cells[-1] = OFF_RIGHT
    return "".join(cells).rstrip()
