"""Units and what their events bring, which are collected apart, side by side as moments are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyspark.sql import Row

from abspark.pipeline.moments import KEY


def side_by_side(
    units: Iterable[Row], events: Iterable[Row], columns: Sequence[str]
) -> list[Mapping[str, Any]]:
    """The full join of both by experiment, variant, segment value and metric: each row with all `columns`.

    `units` has at most one row for a key, `events` one for each metric and several for the ledger. What one of them has
    no row for is None.
    """
    blank = dict.fromkeys(columns)
    by_key = {_key(row): row.asDict() for row in units}
    found, met = [], set()
    for row in events:
        key = _key(row)
        met.add(key)
        found.append(blank | by_key.get(key, {}) | row.asDict())
    return found + [blank | row for key, row in by_key.items() if key not in met]


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)
