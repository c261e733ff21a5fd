"""Why recorded variants differ from the hash's: the patterns that tell one cause from another.

A pattern is named where nearly all mismatches show it and chance would hardly make them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
from scipy import special

from abspark.analysis.health_row import Row
from abspark.naming import OTHER_VALUES

_NEARLY_ALL: Final = 0.9
_CHANCE: Final = 1e-6
_TOLERANCE: Final = 0.02
_STANDARD_ERRORS: Final = 4.0
_DAY: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Part(NamedTuple):
    """Units and mismatches among them."""

    units: int
    wrong: int


def diagnosis(derived: Sequence[Row], segments: Sequence[Row]) -> list[str]:
    """A sentence per pattern found; `derived` are profile rows that were compared, `segments` those of all units."""
    whole = _part(derived)
    if whole.wrong == 0:
        return []
    since = _since(derived, whole)
    late = derived if since is None else _after(derived, since)
    near, other_ids, capitals = (
        _part([row for row in derived if row[name]]) for name in ("near", "not_ascii", "capitals")
    )
    spelled = [
        *_if(
            _gathered(other_ids, whole), "The mismatches have ids that are not ASCII: another character set."
        ),
        *_if(
            _gathered(capitals, whole),
            "The mismatches have ids with capital letters: what assigned them lower-cased the ids.",
        ),
    ]
    return [
        *_if(
            _gathered(near, whole), "The mismatches lie at the boundaries: inclusive ends or float rounding."
        ),
        *spelled,
        *_if(
            since is not None,
            f"There are none before {_instant(since)}: the configuration or SDK changed then.",
        ),
        *_in_one_value(segments),
        *_if(
            not spelled and _at_random(late),
            "They are as many as if drawn at random: another salt, or an id spelled differently.",
        ),
    ]


def _if(holds: object, sentence: str) -> list[str]:
    return [sentence] if holds else []


def _instant(micros: int | None) -> str:
    return "" if micros is None else (_EPOCH + timedelta(microseconds=micros)).isoformat()


def _part(rows: Sequence[Row]) -> _Part:
    return _Part(
        sum(row["n"] for row in rows), sum(row["n"] for row in rows if row["hash_status"] != "match")
    )


def _gathered(part: _Part, whole: _Part) -> bool:
    """Nearly all mismatches are in the part, and as many would not be there by chance."""
    if part.wrong < _NEARLY_ALL * whole.wrong or part.units == whole.units:
        return False
    share = part.units / whole.units
    return bool(special.betainc(part.wrong, whole.wrong - part.wrong + 1, share) < _CHANCE)


def _since(derived: Sequence[Row], whole: _Part) -> int | None:
    """The first mismatch, where the days before it hold so many units that chance would have put one there."""
    first = min(row["earliest"] for row in derived if row["hash_status"] != "match")
    before = sum(row["n"] for row in derived if row["latest"] < first)
    if before in (0, whole.units):
        return None
    rate = whole.wrong / (whole.units - before)
    return int(first) if before * np.log1p(-min(rate, 1 - 1e-12)) < np.log(_CHANCE) else None


def _after(derived: Sequence[Row], since: int) -> Sequence[Row]:
    """Rows of the days after an instant, whose own day is mixed; where there are none, of that day."""
    later = [row for row in derived if row["earliest"] // _DAY > since // _DAY]
    return later or [row for row in derived if row["latest"] >= since]


def _in_one_value(segments: Sequence[Row]) -> Iterator[str]:
    for name in dict.fromkeys(row["segment_name"] for row in segments):
        units, wrong = Counter[str](), Counter[str]()
        for row in segments:
            if row["segment_name"] == name:
                units[row["segment_value"]] += row["n"]
                wrong[row["segment_value"]] += row["n"] if row["wrong"] else 0
        whole = _Part(units.total(), wrong.total())
        for value in units:
            part = _Part(units[value], wrong[value])
            if value != OTHER_VALUES and whole.wrong and _gathered(part, whole):
                yield f"The mismatches have {name} = {value}."


def _at_random(derived: Sequence[Row]) -> bool:
    """Whether recorded and predicted variants agree no more often than independent ones: 1 - sum(w^2) mismatch."""
    recorded, predicted = Counter[str](), Counter[str | None]()
    for row in derived:
        recorded[row["variant"]] += row["n"]
        predicted[row["expected_variant"]] += row["n"]
    whole = _part(derived)
    rate = 1 - sum(n * predicted[variant] for variant, n in recorded.items()) / whole.units**2
    slack = _STANDARD_ERRORS * np.sqrt(rate * (1 - rate) / whole.units)
    return bool(abs(whole.wrong / whole.units - rate) <= max(_TOLERANCE * rate, slack))
