"""Counts of units and moments of events, collected apart, are joined by key."""

from __future__ import annotations

from pyspark.sql import Row

from abspark.pipeline.side_by_side import side_by_side


def test_each_row_has_what_either_knows_of_its_key() -> None:
    units = Row("x", "v", "p", "code", "m", "n_all")
    events = Row("m", "x", "v", "p", "code", "status", "n1")
    rows = side_by_side(
        [units(0, 0, -1, -1, 0, 7), units(0, 1, -1, -1, 0, 8)],
        [
            events(0, 0, 1, -1, -1, None, 3),
            events(-1, 0, 1, -1, -1, 1, 4),
            events(-1, 0, 1, -1, -1, 2, 5),
            events(0, 0, 1, 0, 2, None, 6),
        ],
        ["x", "v", "p", "code", "m", "n_all", "status", "n1"],
    )
    found = [tuple(row.values()) for row in rows]
    assert len(found) == 5
    assert set(found) == {
        (0, 0, -1, -1, 0, 7, None, None),
        (0, 1, -1, -1, 0, 8, None, 3),
        (0, 1, -1, -1, -1, None, 1, 4),
        (0, 1, -1, -1, -1, None, 2, 5),
        (0, 1, 0, 2, 0, None, None, 6),
    }


def test_without_events_there_are_their_columns_all_the_same() -> None:
    units = Row("x", "v", "p", "code", "m", "n_all")
    assert side_by_side([units(0, 0, -1, -1, 0, 7)], [], ["x", "v", "p", "code", "m", "n_all", "n1"]) == [
        {"x": 0, "v": 0, "p": -1, "code": -1, "m": 0, "n_all": 7, "n1": None}
    ]
