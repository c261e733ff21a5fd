"""Names in a line: a few of them, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_NAMED: Final = 5


def first_names(names: Sequence[str]) -> str:
    """At most five names in their order, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names if more <= 0 else [*names[:_NAMED], f"{more} more"])
