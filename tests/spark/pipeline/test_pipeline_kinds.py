"""Every kind of metric with its options, on one run over one world: whole tables, and the rules each by its unit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta

import oracle
import pytest
from kind_world import AS_OF, DAY, LOGS, METRICS, SHOWN, START, WORLD
from oracle import UnitRow
from oracle_values import has_days
from pipeline_runs import Tables, as_in_a_run, assert_same, planned_once, run_world
from pyspark.sql import SparkSession
from rule_world import VALUE, did, seen
from world import Experiment, Log, Metric, RawRow, World


@pytest.fixture(scope="module")
def run(spark: SparkSession) -> Iterator[Tables]:
    with as_in_a_run(spark), planned_once(spark):
        yield run_world(spark, WORLD)


def test_every_table_is_what_the_oracle_finds(run: Tables) -> None:
    assert_same(run.outcome, oracle.run(WORLD))


def _row(
    num: float, den: float | None = None, pre_num: float | None = None, pre_den: float | None = None
) -> UnitRow:
    return UnitRow(num, den, pre_num, pre_den, complete=True)


RULES = {
    # The ends of windows: [0, 2d), [1d, 3d), [1d, 4d) from the experiment's start, and before the exposure.
    ("edges", "any"): _row(1, pre_num=1),
    ("edges", "late"): _row(4),
    ("edges", "capped"): _row(-8 + 0.5 + 0.75 + 4, pre_num=0.25),
    ("edges", "before"): _row(1),
    ("edges", "campaign"): _row(6),
    ("edges", "whole"): _row(100, pre_num=50),
    ("edges", "least"): _row(0.5),
    ("edges", "last"): _row(1.5),
    ("edges", "wait"): _row(0),
    # Caps hold units without events within their bounds as well.
    ("edges", "raised"): _row(3, pre_num=0),
    ("nothing", "raised"): _row(1.5, pre_num=0),
    ("bought", "after_buy"): _row(0.5),
    # Of several values at the last instant the greatest; NULL and NaN are none.
    ("last", "last"): _row(1.5),
    # Steps at or after one another; one event may serve several.
    ("path", "path"): _row(1),
    ("one_instant", "path"): _row(1),
    ("wrong_order", "path"): _row(0),
    # A trigger is the first such event at or after the exposure, and windows count from it.
    ("looked", "after_look"): _row(1, pre_num=0),
    ("looked", "least_after"): _row(1),
    ("looked", "wait_after"): _row(1),
    ("looked_once", "after_look"): _row(0, pre_num=0),
    ("bought", "rate_after"): _row(0, den=0, pre_num=0, pre_den=0),
    ("names", "names"): _row(2, pre_num=0),
    ("no_denominator", "per_look"): _row(2, den=0, pre_num=0, pre_den=0),
    ("only_before", "per_look"): _row(0, den=0, pre_num=0, pre_den=1),
    ("nothing", "wait"): _row(2),
}  # fmt: skip
ABSENT = (
    ("nothing", "least"), ("looked_once", "least_after"), ("looked_late", "after_look"), ("looked", "rate_after"),
)  # fmt: skip


@pytest.mark.parametrize("unit", sorted({unit for unit, _ in RULES}))
def test_unit_metrics(run: Tables, unit: str) -> None:
    expected = {metric: row for (name, metric), row in RULES.items() if name == unit}
    found = {metric: run.outcome.unit_metrics["one", unit, metric] for metric in expected}
    assert found == expected


def test_an_open_window_closes_at_as_of_and_is_never_over_while_its_log_lags(run: Tables) -> None:
    found = run.outcome.unit_metrics["one", "edges", "open"]
    assert found == UnitRow(0.75 + 4 - 16 + 1.5 - 32, None, None, None, complete=False)


def test_units_without_value_or_trigger_are_not_there(run: Tables) -> None:
    assert [key for key in ABSENT if ("one", *key) in run.outcome.unit_metrics] == []


def test_the_days_of_a_series_are_local_and_dense(run: Tables) -> None:
    # START is midnight of the 23rd in Berlin, as_of the 30th at 4 o'clock, when some windows are still open.
    dense = [date(2026, 10, 23) + timedelta(days=n) for n in range(8)]
    found = run.outcome.days
    assert [day for *key, day in found if key == ["one", "a", "any"]] == dense
    assert [day for *key, day in found if key == ["one", "a", "names"]] == dense[-1:]
    assert {metric for _, _, metric, day in found if day == dense[0]} == {
        metric.name for metric in METRICS if has_days(metric)
    }


def test_units_enter_on_their_day_and_leave_on_the_day_of_their_second_variant(run: Tables) -> None:
    days = {
        day: sum(run.outcome.days["one", v, "any", day].n for v in "ab")
        for *key, day in run.outcome.days
        if key == ["one", "a", "any"]
    }
    for day, n in days.items():
        end = (
            START
            + ((day - date(2026, 10, 23)).days + 1) * DAY
            + (DAY // 24 if day >= date(2026, 10, 25) else 0)
        )
        units = [
            row for (name, _), row in run.outcome.assignments.items() if name == "one" and row.first < end
        ]
        left = [row for row in units if row.second is not None and row.second < min(end, AS_OF)]
        assert n == len(units) - len(left), day
    later = [row for row in run.outcome.assignments.values() if row.excluded == "multiple_variants"]
    assert any(row.second is not None and row.second > row.first + DAY for row in later)


def test_values_that_one_metric_cannot_use_in_several_logs_add_up(run: Tables) -> None:
    def bad(log: str, event: str | None, low: int = START - 2 * DAY) -> int:
        rows = next(each.rows for each in WORLD.events if each.name == log)
        mine = [row for row in rows if low <= row["time"] < AS_OF and event in (None, row["event"])]
        return sum(row["value"] is None or math.isnan(row["value"]) for row in mine)

    # `wait_late` is of orders without a value, and its covariate of the values of credits; `capped` is of one log.
    assert run.outcome.drops["*", "values", "wait_late", "bad_value", None][0] == bad(LOGS.third, None)
    assert run.outcome.drops["*", "values", "capped", "bad_value", None][0] == bad(LOGS.first, None)
    # Orders have an event id: none is too early to be the earliest of its duplicates.
    both = bad(LOGS.second, "buy", 0) + bad(LOGS.third, None)
    assert run.outcome.drops["*", "values", "raised", "bad_value", None][0] == both


def test_all_kinds_and_options_are_there() -> None:
    kinds = {metric.is_a for metric in METRICS}
    assert kinds == {
        "proportion", "mean", "count", "ratio", "retention", "distinct", "min", "max", "latest", "time_to", "funnel",
    }  # fmt: skip
    assert SHOWN == START + DAY


def _moments(
    spark: SparkSession, metric: Metric, shown: dict[str, int], events: list[RawRow], *, since_exposure: bool
) -> dict[str, tuple[int, float]]:
    """Units and mean of a metric by variant; `shown` are the units by when, every other one in variant a."""
    variants = dict(zip(shown, ("a", "b") * len(shown), strict=False))
    world = World(
        (
            Experiment(
                "e", ("a", "b"), START, START + 9 * DAY, (metric.name,), "log", since_exposure=since_exposure
            ),
        ),
        (metric,),
        (
            Log(
                "log",
                [seen(u, at, variants[u], experiment="e") for u, at in shown.items()],
                carries_experiment=True,
            ),
        ),
        (Log("shop", events, complete_until=START + 9 * DAY),),
        START + 9 * DAY,
    )
    with as_in_a_run(spark):
        outcome = run_world(spark, world).outcome
    assert_same(outcome, oracle.run(world))
    return {
        v: (
            outcome.moments["e", v, metric.name, None, None].n,
            outcome.moments["e", v, metric.name, None, None].mean,
        )
        for v in ("a", "b")
    }


def test_units_whose_window_is_not_over_set_no_bound_where_complete_ones_alone_count(
    spark: SparkSession,
) -> None:
    """Units of the first day spend 1 to 20, half of them in each variant; those of the eighth are not yet counted.

    Their median is 10.5: in variant a 1, 3, 5, 7, 9 and five times that, in b 2, 4, 6, 8, 10 and five times that.
    """
    spent = Metric("spent", "shop", 0, 5 * DAY, value=VALUE, complete_only=True, high_quantile=0.5)
    early, late = [f"e{n}" for n in range(20)], [f"l{n}" for n in range(20)]
    shown = dict.fromkeys(early, START) | dict.fromkeys(late, START + 7 * DAY)
    events = [did(u, START + 1, float(n + 1)) for n, u in enumerate(early)]
    events += [did(u, START + 7 * DAY + 1, 1000.0) for u in late]
    found = _moments(spark, spent, shown, events, since_exposure=True)
    assert found == {"a": (10, 7.75), "b": (10, 8.25)}


def test_nought_and_its_negative_are_one_value_to_a_distinct_count(spark: SparkSession) -> None:
    distinct = Metric("distinct", "shop", 0, 5 * DAY, value=VALUE, kind="distinct")
    events = [did("u", START + n, value) for n, value in enumerate((0.0, -0.0, 1.0))]
    found = _moments(spark, distinct, {"u": START, "w": START}, events, since_exposure=False)
    assert found == {"a": (1, 2.0), "b": (1, 0.0)}
