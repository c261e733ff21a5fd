"""Generated logs with ties at every boundary, nulls and duplicates, for one fixed set of experiments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from kind_metrics import Logs, elsewhere, kind_metrics, quantile_metrics
from world import Experiment, Log, Metric, RawRow, Rule, World

STEP = 6 * 3_600_000_000
START = 1_792_792_800_000_000  # 2026-10-23T22:00:00Z, midnight in Berlin; the 25th has 25 hours there
AS_OF = START + 11 * STEP + STEP // 2
MIDNIGHTS = (START + 4 * STEP, START + 8 * STEP + STEP // 6, START + STEP // 3, START + 4 * STEP + STEP // 3)
"""Of the 25th and 26th in Berlin, of the 24th and 25th in UTC."""

_FLAG = Rule("flag", lambda row: row["flag"])
LOGS = Logs("clicks", "orders", "credits")
METRICS = (
    *kind_metrics(LOGS, STEP),
    # windows of more than a day, whose ends and days since exposure the times above tie with
    Metric("days", "clicks", 0, 9 * STEP, value=Rule("value", lambda row: row["value"]), lookback=4 * STEP),
    Metric("days_whole", "orders", STEP, 8 * STEP, binary=True, complete_only=True),
)
QUANTILES = quantile_metrics(LOGS, STEP)

_NAMES = tuple(metric.name for metric in METRICS)
EMPTY = World(
    (
        Experiment("one", ("a", "b"), START, START + 6 * STEP, _NAMES, "shown", segments=("country",),
            time_zone="Europe/Berlin", since_exposure=True),
        Experiment("two", ("a", "b", "c"), START + 2 * STEP, START + 12 * STEP, _NAMES[::2], "shown",
            first_wins=True, since_exposure=True),
        Experiment("last_day", ("a", "b"), START, START + 3 * STEP, _NAMES[1::2], "shown", series=False),
    ),
    METRICS,
    (Log("shown", (), passes=_FLAG, has_event_id=True, attributes=("country", "age"),
        properties=("flag",), carries_experiment=True),),
    (
        Log("clicks", (), passes=_FLAG, properties=("flag",)),
        Log("orders", (), has_event_id=True, complete_until=START + 7 * STEP),
        Log("credits", (), carries_experiment=True, carries_variant=True, lag=STEP),
    ),
    AS_OF,
    (elsewhere(LOGS, STEP),),
)  # fmt: skip

_UNITS = st.sampled_from([f"u{n}" for n in range(12)] * 3 + ["", None, "é"])
_TIMES = st.one_of(
    st.integers(-2, 13).map(lambda steps: START + steps * STEP),
    st.tuples(st.integers(-2, 13), st.sampled_from([-1, 1])).map(lambda t: START + t[0] * STEP + t[1]),
    st.tuples(st.sampled_from(MIDNIGHTS), st.sampled_from([-1, 0, 0])).map(sum),
    st.none(),
)
_VALUES = st.sampled_from([None, float("nan"), float("inf"), 1e200, 0.0, -0.0, 1.0, 2.5, -4.0, 1e9, 0.1])
_EVENTS = st.sampled_from(["buy", "buy", "look", None])
_FLAGS = st.sampled_from([True, True, True, True, False, None])
_EXPERIMENTS = st.sampled_from(["one", "one", "two", "two", "last_day", "three", None])

_SHOWN = st.fixed_dictionaries(
    {
        "unit": _UNITS, "time": _TIMES, "experiment": _EXPERIMENTS,
        "variant": st.sampled_from(["a", "a", "a", "b", "b", "c", None]), "flag": _FLAGS,
        "event_id": st.sampled_from(["e1", "e2", None]), "country": st.sampled_from(["x", "y", None]),
        "age": st.sampled_from(["20", "-3.5", "1e400", "old", None]),
    }
)  # fmt: skip
_CLICK = st.fixed_dictionaries(
    {"unit": _UNITS, "time": _TIMES, "event": _EVENTS, "value": _VALUES, "flag": _FLAGS}
)
_CREDIT = st.fixed_dictionaries(
    {
        "unit": _UNITS, "time": _TIMES, "event": _EVENTS, "value": _VALUES,
        "experiment": _EXPERIMENTS, "variant": st.sampled_from(["a", "b", "c", None]),
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


def _of_quantiles(world: World) -> World:
    """The world with metrics that are quantiles or have caps that are, in place of all others."""
    names = tuple(metric.name for metric in QUANTILES)
    experiments = tuple(replace(experiment, metrics=names) for experiment in world.experiments[:2])
    return replace(world, metrics=QUANTILES, experiments=experiments)


def _saying(world: World, copies_within: int | None) -> World:
    """The world whose orders are said to have copies at most so far apart; many are further."""
    return replace(
        world,
        events=tuple(
            replace(log, copies_within=copies_within) if log.has_event_id else log for log in world.events
        ),
    )


_rows = st.fixed_dictionaries(
    {
        "shown": _log(_SHOWN, 40),
        "clicks": _log(_CLICK, 50),
        "orders": _log(_ORDER, 50),
        "credits": _log(_CREDIT, 30),
    }
)
worlds = st.builds(_saying, _rows.map(lambda rows: with_rows(EMPTY, rows)), st.sampled_from([None, 0, STEP]))
"""Worlds with the same experiments and metrics, so that Spark compiles its code once."""
quantile_worlds = worlds.map(_of_quantiles)
