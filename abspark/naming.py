"""Names and numbers in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

OTHER_VALUES: Final = "(other)"
"""Stands in `segment_value` for all values beyond those that are kept: no value that units have in common."""
_NAMED: Final = 5


def first_names(names: Sequence[str]) -> str:
    """At most five names in their order, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names if more <= 0 else [*names[:_NAMED], f"{more} more"])


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def probability(value: float) -> str:
    """A probability in per cent, never rounded to certainty."""
    return "> 99.99%" if 0.9999 < value < 1 else "< 0.01%" if 0 < value < 1e-4 else f"{value:.2%}"
