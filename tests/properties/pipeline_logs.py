"""Generated logs with ties at every boundary, nulls and duplicates, for one fixed set of experiments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from world import Experiment, Log, Metric, RawRow, Rule, World

HOUR = 3_600_000_000
START = 1_790_812_800_000_000  # 2026-10-01T00:00:00Z
AS_OF = START + 9 * HOUR

_BUYS = Rule("event = 'buy'", lambda row: None if row["event"] is None else row["event"] == "buy")
_VALUE = Rule("value", lambda row: row["value"])
_FLAG = Rule("flag", lambda row: row["flag"])

METRICS = (
    Metric("any", "clicks", 0, 2 * HOUR, where=_BUYS, binary=True),
    Metric("sum", "clicks", HOUR, 3 * HOUR, value=_VALUE),
    Metric("before", "clicks", -HOUR, 0),
    Metric("orders", "orders", 0, 3 * HOUR, where=_BUYS),
    Metric("revenue", "orders", 0, 2 * HOUR, where=_BUYS, value=_VALUE, complete_only=True),
    Metric("credits", "credits", 0, 2 * HOUR),
)
EMPTY = World(
    (
        Experiment("one", ("a", "b"), START, START + 6 * HOUR, ("any", "sum", "orders", "credits"), "shown",
            segments=("country",)),
        Experiment("two", ("a", "b", "c"), START + 2 * HOUR, START + 12 * HOUR, ("sum", "before", "revenue"),
            "shown", first_wins=True),
    ),
    METRICS,
    (Log("shown", (), passes=_FLAG, has_event_id=True, attributes=("country", "device"),
        properties=("flag",), carries_experiment=True),),
    (
        Log("clicks", (), passes=_FLAG, properties=("flag",)),
        Log("orders", (), has_event_id=True, complete_until=START + 7 * HOUR),
        Log("credits", (), carries_experiment=True, carries_variant=True),
    ),
    AS_OF,
)  # fmt: skip

_UNITS = st.sampled_from([f"u{n}" for n in range(12)] * 3 + ["", None, "é"])
_TIMES = st.one_of(
    st.integers(-2, 13).map(lambda hours: START + hours * HOUR),
    st.tuples(st.integers(-2, 13), st.sampled_from([-1, 1])).map(lambda t: START + t[0] * HOUR + t[1]),
    st.none(),
)
_VALUES = st.sampled_from([None, float("nan"), float("inf"), 0.0, -0.0, 1.0, 2.5, -4.0, 1e9, 0.1])
_EVENTS = st.sampled_from(["buy", "buy", "look", None])
_FLAGS = st.sampled_from([True, True, True, True, False, None])

_SHOWN = st.fixed_dictionaries(
    {
        "unit": _UNITS, "time": _TIMES, "experiment": st.sampled_from(["one", "two", "two", "three", None]),
        "variant": st.sampled_from(["a", "a", "a", "b", "b", "c", None]), "flag": _FLAGS,
        "event_id": st.sampled_from(["e1", "e2", None]), "country": st.sampled_from(["x", "y", None]),
        "device": st.sampled_from(["p", None]),
    }
)  # fmt: skip
_CLICK = st.fixed_dictionaries(
    {"unit": _UNITS, "time": _TIMES, "event": _EVENTS, "value": _VALUES, "flag": _FLAGS}
)
_CREDIT = st.fixed_dictionaries(
    {
        "unit": _UNITS, "time": _TIMES, "event": _EVENTS, "value": _VALUES,
        "experiment": st.sampled_from(["one", "two", "three", None]), "variant": st.sampled_from(["a", "b",
            "c", None]),
    }
)  # fmt: skip


def _order(drawn: tuple[Any, Any, Any, Any]) -> RawRow:
    """Among rows of one id, instant and value all columns agree: which of them counts must not matter."""
    unit, time, event_id, value = drawn
    event = None if value is None else "look" if value == 0.1 else "buy"
    return {"unit": unit, "time": time, "event_id": event_id, "value": value, "event": event}


_ORDER = st.tuples(_UNITS, _TIMES, st.sampled_from(["o1", "o2", "o3", "", None]), _VALUES).map(_order)


def with_rows(world: World, rows: dict[str, list[RawRow]]) -> World:
    """The world with the rows of the named logs replaced."""
    return replace(
        world,
        exposures=tuple(replace(log, rows=rows.get(log.name, log.rows)) for log in world.exposures),
        events=tuple(replace(log, rows=rows.get(log.name, log.rows)) for log in world.events),
    )


def _log(row: st.SearchStrategy[RawRow], size: int) -> st.SearchStrategy[list[RawRow]]:
    """Most logs are long: rows are drawn from a seed, and a few more by hypothesis, which can shrink those."""
    return st.tuples(st.lists(row, max_size=size), st.lists(row, min_size=size, max_size=size)).map(
        lambda both: [*both[0], *both[1]]
    )


worlds = st.fixed_dictionaries(
    {
        "shown": _log(_SHOWN, 40),
        "clicks": _log(_CLICK, 40),
        "orders": _log(_ORDER, 40),
        "credits": _log(_CREDIT, 20),
    }
).map(lambda rows: with_rows(EMPTY, rows))
"""Worlds with the same experiments and metrics, so that Spark compiles its code once."""
