"""A hash scheme compiled to integers: which kernel over which text, which buckets to which variant.

The driver does all threshold arithmetic, in the SDK's own kind of number; what is left to compare are
integers. So the plain-Python and the Spark derivation cannot disagree on a boundary.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

Bound = TypeVar("Bound")

IN: Final = "*"
"""Outcome of a gate for units that go on to the next stage; no variant may have that name."""

ASCII: Final = "ASCII"
WHOLE: Final = "a whole number of at most 15 digits"
BOOLEAN: Final = "true or false"
ID_FORMS: Final[Mapping[str, str]] = {
    ASCII: r"[\x00-\x7F]*",
    WHOLE: r"0|-?[1-9][0-9]{0,14}",
    BOOLEAN: r"true|false",
}
"""What a scheme may ask ids to be: a regular expression that matches the whole id, in Python as in Java.

Whole numbers are those that a double holds as they are, so that it doesn't matter what the service kept them in.
"""


class Segment(NamedTuple):
    """Buckets `start <= bucket < end` and what they get: a variant, or `IN` in a gate.

    A gate that gives a variant decides, as one that lets nobody in does.
    """

    start: int
    end: int
    outcome: str


class Stage(NamedTuple):
    """One hash of one unit.

    The text that is hashed is prefix + unit id + suffix; `bucket = kernel(text, seed, modulus) + offset`.
    Segments are disjoint and ascending; a bucket in none of them is out of the experiment.
    """

    name: str
    kernel: str
    segments: tuple[Segment, ...]
    modulus: int
    prefix: str = ""
    suffix: str = ""
    seed: int = 0
    offset: int = 0


class IdRule(NamedTuple):
    """What a scheme makes of ids that are no ordinary text.

    `null` and `empty` are the texts hashed in place of such an id, None where there is none; `only` is one of
    `ID_FORMS`, where other ids are not hashed as they are. What is not hashed is out of the experiment; or has a
    variant that can't be derived, for the reason that `lost` tells. With `json`, ids stand escaped within JSON text.
    """

    null: str | None = None
    empty: str | None = ""
    only: str | None = None
    lost: str | None = None
    json: bool = False

    def text(self, unit_id: str | None) -> str | None:
        """The text that stands for the unit in what is hashed; None where nothing is hashed."""
        if unit_id is None:
            return self.null
        if unit_id == "":
            return self.empty
        if self.only is not None and not re.fullmatch(ID_FORMS[self.only], unit_id):
            return None
        return json_text(unit_id) if self.json else unit_id


def json_text(text: str) -> str:
    """A text as it stands between the quotes of JSON text, by JSON.stringify's rules: only what must be is escaped."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


class Plan(NamedTuple):
    """Gates that a unit must pass, in order, then the split into variants."""

    split: Stage
    gates: tuple[Stage, ...] = ()
    ids: IdRule = IdRule()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages in the order in which they decide."""
        return (*self.gates, self.split)


def count_below(size: int, holds: Callable[[int], bool]) -> int:
    """How many of 0 … size-1 satisfy `holds`, which must hold up to some number and not from there on."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            low = middle + 1
        else:
            high = middle
    return low


def partition(
    size: int,
    bounds: Iterable[tuple[str | None, Bound]],
    holds: Callable[[int, Bound], bool],
    *,
    offset: int = 0,
) -> tuple[Segment, ...]:
    """Segments from cumulated bounds: each takes what `holds(number, bound)` and the ones before left over.

    Numbers are 0 … size-1, buckets are number + offset. The outcome None leaves its numbers out.
    """
    segments = []
    start = 0
    for outcome, bound in bounds:
        end = max(start, count_below(size, partial(_flipped, holds, bound)))
        if outcome is not None and start < end:
            segments.append(Segment(start + offset, end + offset, outcome))
        start = end
    return tuple(segments)


def _flipped(holds: Callable[[int, Bound], bool], bound: Bound, number: int) -> bool:
    return holds(number, bound)


def first_match(ranges: Iterable[Segment]) -> tuple[Segment, ...]:
    """Disjoint ascending segments of ranges that may overlap: where they do, the earlier range wins."""
    taken: list[Segment] = []
    for start, end, outcome in ranges:
        taken.extend(Segment(low, high, outcome) for low, high in _free(taken, start, end))
    return tuple(sorted(taken))


def _free(taken: Sequence[Segment], start: int, end: int) -> list[tuple[int, int]]:
    gaps = []
    for segment in sorted(taken):
        if start < min(segment.start, end):
            gaps.append((start, min(segment.start, end)))
        start = max(start, segment.end)
    if start < end:
        gaps.append((start, end))
    return gaps


def outside(segments: Sequence[Segment], low: int, high: int, outcome: str = IN) -> tuple[Segment, ...]:
    """The buckets of [low, high) that no segment holds, as segments of that outcome."""
    return tuple(Segment(start, end, outcome) for start, end in _free(segments, low, high))
