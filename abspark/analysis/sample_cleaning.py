"""From the rows of a file to a number per unit: what is no number, no unit or no row is left out and counted."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from abspark.schemas import TOO_LARGE
from abspark.stats.moments import Floats

_WORDS: Final = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "t": 1.0, "f": 0.0}
_MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none"})


class Rows(NamedTuple):
    """Values and, where they are known, ids of their units; `ragged` rows had more or fewer fields than the header."""

    values: Sequence[Any]
    units: Sequence[Any] = ()
    ragged: int = 0


@dataclass(frozen=True, eq=False)
class Sample:
    """The numbers of one arm, a number per unit, and how many rows were left out for which reason.

    `conflicting` are ids whose rows disagree, so that the file has no row per unit; the first of their rows is kept.
    """

    values: Floats
    left_out: Mapping[str, int]
    conflicting: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """Rows read."""
        return len(self.values) + sum(self.left_out.values())

    @property
    def units(self) -> int:
        """Rows that are no repetition of another: as many units as there can have been."""
        return self.rows - self.left_out.get("repeated_id", 0)


def cleaned(rows: Rows, shared: Set[str] = frozenset()) -> Sample:
    """Numbers and words for yes and no; everything else is left out and counted.

    The reasons: `ragged_row`; `null_id`; `multiple_variants`, an id of `shared`; `repeated_id`, a further row that says
    what the first one of its unit said; `missing`; `bad_value`, no finite number or a `TOO_LARGE` one.
    """
    kept, left_out = array("d"), Counter[str]({"ragged_row": rows.ragged} if rows.ragged else {})
    seen: dict[str, float | str] = {}
    conflicting: dict[str, None] = {}
    for place, value in enumerate(rows.values):
        number = _number(value)
        if rows.units:
            unit = unit_of(rows.units[place])
            if unit in seen and seen[unit] != number:
                conflicting[unit] = None
            if unit is None or unit in shared or unit in seen:
                left_out[_why(unit, shared)] += 1
                continue
            seen[unit] = number
        if isinstance(number, str):
            left_out[number] += 1
        else:
            kept.append(number)
    return Sample(np.array(kept, dtype=np.float64), dict(left_out), tuple(conflicting))


def shared_units(first: Rows, second: Rows) -> frozenset[str]:
    """Ids that are in both."""
    mine, others = ({unit_of(value) for value in rows.units} for rows in (first, second))
    return frozenset(unit for unit in mine & others if unit is not None)


def unit_of(value: Any) -> str | None:
    """The id as text; None where there is none."""
    text = "" if value is None or value != value else str(value).strip()
    return text or None


def _why(unit: str | None, shared: Set[str]) -> str:
    if unit is None:
        return "null_id"
    return "multiple_variants" if unit in shared else "repeated_id"


def _number(value: Any) -> float | str:
    """The number a value means, or the reason to leave it out."""
    if value is None:
        return "missing"
    text = str(value).strip().lower()
    if text in _MISSING:
        return "missing"
    if "_" in text:
        return "bad_value"  # Python takes 1_0 for ten
    try:
        number = _WORDS[text] if text in _WORDS else float(text)
    except ValueError:
        return "bad_value"
    return number if abs(number) < TOO_LARGE else "bad_value"
