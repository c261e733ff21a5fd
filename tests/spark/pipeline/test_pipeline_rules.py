"""The semantics' rules, each by the units that stand for it, on one run over one world of logs."""

from __future__ import annotations

import oracle
import pytest
from oracle_moments import Moments
from oracle_values import Assigned
from pipeline_runs import Tables, as_in_a_run, assert_same, run_world
from pyspark.sql import SparkSession
from rule_world import AS_OF, DAY, LONG_ID, SHOWN, START, WORLD
from world_models import study_of

from abspark.pipeline.events import time_range
from abspark.pipeline.row_counts import SPAN


@pytest.fixture(scope="module")
def run(spark: SparkSession) -> Tables:
    with as_in_a_run(spark):
        return run_world(spark, WORLD)


def test_every_table_is_what_the_oracle_finds(run: Tables) -> None:
    assert_same(run.outcome, oracle.run(WORLD))


def test_assignments(run: Tables) -> None:
    def one(variant: str, first: int, **given: object) -> Assigned:
        blank = {
            "second": None, "exposures": 1, "seen": (variant,), "excluded": None, "attributes": (None, None),
        }  # fmt: skip
        return Assigned(variant=variant, first=first, **(blank | given))  # type: ignore[arg-type]

    both = ("control", "treatment")
    expected = {
        ("red", "unknown_then_known"): one("treatment", SHOWN),
        ("red", "at_start"): one("control", START),
        ("red", "at_last"): one("treatment", START + 10 * DAY - 1),
        ("blue", "before_as_of"): one("b", AS_OF - 1),
        ("red", "early_then_valid"): one("control", START + 1),
        ("red", "thrice"): one("control", SHOWN, exposures=3, attributes=("first", None)),
        ("red", "id_decides"): one("control", SHOWN, exposures=2, attributes=("Z", None)),
        ("red", "id_before_null"): one("control", SHOWN, exposures=2, attributes=("Z", None)),
        ("red", "attributes_decide"): one("control", SHOWN, exposures=3, attributes=("Z", "B")),
        ("red", "attributes_alone"): one("control", SHOWN, exposures=2, attributes=("Z", None)),
        ("red", "later_id"): one("control", SHOWN, exposures=2, attributes=("Z", None)),
        ("red", "several"): one(
            "treatment", SHOWN, second=SHOWN + 5, exposures=4, seen=both, excluded="multiple_variants"
        ),
        ("blue", "several_blue"): one("c", SHOWN, second=SHOWN + 1, exposures=3, seen=("a", "b", "c")),
        ("red", "tied"): one(
            "control",
            SHOWN,
            second=SHOWN,
            exposures=2,
            seen=both,
            excluded="tied_variants",
            attributes=("B", None),
        ),
        ("blue", "tied_blue"): one(
            "b", SHOWN, second=SHOWN, exposures=3, seen=("a", "b", "c"), excluded="tied_variants"
        ),
        ("wide", "fifth"): one("v4", SHOWN, exposures=2),
        ("blue", "fifth"): one("c", SHOWN, attributes=(None, "ios")),
        ("red", LONG_ID): one("treatment", SHOWN),
        ("red", "7"): one("control", SHOWN),
        ("red", "007"): one("control", SHOWN),
        ("red", "case"): one("control", SHOWN),
        ("red", "CASE"): one("treatment", SHOWN),
        ("red", "space"): one("control", SHOWN),
        ("red", "space "): one("treatment", SHOWN),
        ("green", "many"): one(
            "control",
            SHOWN,
            second=SHOWN + 1,
            exposures=2,
            seen=both,
            excluded="multiple_variants",
            attributes=(),
        ),
    }
    found = run.outcome.assignments
    assert {key: found.get(key) for key in expected} == expected
    absent = (
        "no_time",
        "elsewhere",
        "other_log",
        "false_flag",
        "null_flag",
        "unknown",
        "too_early",
        "at_end",
        "at_as_of",
    )
    assert [key for key in found if key[1] in absent] == []


def test_unit_metrics(run: Tables) -> None:
    expected = {
        # [0, 7d): both ends of the window, and the exposure's own instant
        ("red", "bounds", "spent"): 8.0 + 16 + 32 + 64 + 128 + 256,
        ("red", "bounds", "late_spent"): 32.0 + 64,
        ("red", "bounds", "spent_before"): 2.0 + 4,
        ("red", "bounds", "bought"): 1.0,
        ("red", "bounds", "buys"): 6.0,
        # the window stays open after the experiment's end; as_of closes it
        ("red", "windows_end", "spent"): 3.0,
        ("blue", "before_as_of", "spent"): 7.0,
        # neither a condition nor its negation holds where it is NULL; rows that the filter doesn't pass are gone
        ("red", "wheres", "buys"): 1.0,
        # NULL, NaN and the infinities are left out of the sum, not of the count
        ("red", "values", "spent"): 1.5 + 2.5 - 4,
        ("red", "values", "buys"): 10.0,
        # 46341 squared exceeds an int; 2 squared six times and 46340 squared do not
        ("red", "values", "product"): 4.0 * 6 + 0 + 46_340.0**2,
        # a division by zero is no value, and neither is one by NULL
        ("red", "values", "share"): -4.0 / 46_341,
        ("red", "texts", "number"): 12.5 + 7,
        ("red", "duplicates", "spent"): 6.0,
        ("red", "duplicates", "ordered"): 20.0 + 100 + 16_000 + 0.25 * 2 + 0.5 * 2,
        ("red", "duplicates", "orders"): 8.0,
        ("red", "same_ids", "ordered"): 1.0,
        ("red", "both_logs", "ordered"): 5.0,
        ("green", "both_logs", "ordered"): 5.0,
        # one event, each experiment's own window
        ("red", "many", "spent"): 3.0,
        ("blue", "many", "spent"): 2.0 + 4,
        ("wide", "many", "others"): 1.0,
        ("green", "alone", "buys"): 1.0,
        # conversions that carry their experiment and variant
        ("red", "carried", "credits"): 2.0,
        ("blue", "carried", "credits"): 2.0,
        ("blue", "many", "credits"): 1.0,
        ("blue", "several_blue", "spent"): 6.0,
        ("red", "empty", "spent"): 0.0,
        ("red", LONG_ID, "spent"): 21.0,
        ("red", "日本語 🎉", "spent"): 22.0,
        ("red", "7", "spent"): 23.0,
        ("red", "007", "spent"): 24.0,
        ("red", "CASE", "spent"): 26.0,
        ("red", "space ", "spent"): 28.0,
    }
    found = {key: row.num for key, row in run.outcome.unit_metrics.items()}
    assert {key: found.get(key) for key in expected} == pytest.approx(expected, rel=1e-12)
    assert not [
        key for key in found if key[:2] in {("red", "several"), ("red", "tied"), ("blue", "tied_blue")}
    ]


def test_completeness(run: Tables) -> None:
    found = {key: (row.num, row.complete) for key, row in run.outcome.unit_metrics.items()}
    # The newest action is at as_of - 1: a window of 9 days is over for exposures up to as_of - 1 - 9d.
    assert found["red", "complete", "others"] == (1.0, True)
    # Orders are complete until day 15: [0, 7d) is over for exposures up to day 8.
    assert found["red", "complete", "orders"] == (0.0, True)
    assert found["red", "incomplete", "orders"] == (0.0, False)
    # Credits say that they are complete beyond as_of, which cuts all the same.
    assert ("blue", "before_as_of", "credits") not in found
    assert found["red", "at_last", "credits"] == (0.0, True)


def test_drops(run: Tables) -> None:
    expected = {
        ("*", "exposures", "screens", "null_id", None): (1, None),
        ("red", "exposures", "screens", "null_id", "control"): (2, None),
        ("*", "exposures", "screens", "bad_time", None): (1, 1),
        ("red", "exposures", "screens", "bad_time", "control"): (1, 1),
        ("*", "exposures", "screens", "other_experiment", None): (3, None),
        ("*", "exposures", "calls", "other_experiment", None): (1, None),
        ("red", "exposures", "screens", "filtered", "control"): (2, 2),
        ("red", "exposures", "screens", "outside_interval", "control"): (2, 2),
        ("red", "exposures", "screens", "outside_interval", "treatment"): (1, 1),
        ("blue", "exposures", "screens", "after_as_of", "b"): (1, 1),
        ("blue", "exposures", "screens", "after_as_of", None): (1, 1),
        ("red", "exposures", "screens", "unknown_variant", None): (3, 2),
        ("red", "units", "screens", "multiple_variants", "treatment"): (1, 1),
        ("red", "units", "screens", "tied_variants", "control"): (1, 1),
        ("blue", "units", "screens", "tied_variants", "b"): (1, 1),
        ("wide", "exposures", "screens", "repeated_exposure", "v4"): (1, 1),
        ("*", "events", "orders", "duplicate_event", None): (10, 1),
        ("*", "events", "orders", "outside_windows", None): (1, None),
        ("red", "pairs", "credits", "variant_disagrees", "treatment"): (4, 2),
        ("blue", "pairs", "credits", "variant_disagrees", "a"): (1, 1),
        ("red", "pairs", "credits", "excluded_unit", "treatment"): (1, 1),
        ("*", "events", "credits", "unmatched_unit", None): (5, 2),
        ("*", "events", "credits", "duplicate_event", None): (1, 1),
        ("blue", "pairs", "actions", "no_metric", "a"): (0, 0),
        ("*", "values", "spent", "bad_value", None): (6, None),
        ("*", "values", "product", "bad_value", None): (2, None),
        ("*", "values", "ordered", "bad_value", None): (3, None),
    }
    found = run.outcome.drops
    assert {key: found.get(key, (0, 0)) for key in expected} == expected


def test_values_wanted_and_of_no_use(run: Tables) -> None:
    """Of the rows in the time of a log's windows, by quarters of an hour."""
    expected, found = {}, {}
    study = study_of(WORLD)
    for log in WORLD.events:
        low, high = time_range(study, log.name)
        there = [
            row
            for row in log.rows
            if log.reads(row, WORLD.as_of) is None
            and low < (row["time"] // SPAN + 1) * SPAN
            and row["time"] // SPAN * SPAN < high
        ]
        there = [row for row in there if not log.has_event_id or row["time"] < high]
        for metric in study.metrics:
            named = next(m for e in WORLD.experiments for m in WORLD.metrics_of(e) if m.name == metric.name)
            feeds = [f for f in WORLD.feeds_of(named) if f.source == log.name and (f.value or f.key)]
            if feeds:
                wanted = [row for row in there if any(feed.claims(row) for feed in feeds)]
                bad = [row for row in wanted if any(f.claims(row) and not f.counts(row) for f in feeds)]
                expected[log.name, metric.name] = (len(wanted), len(bad))
        found |= {(log.name, name): tuple(v) for name, v in run.tallies[log.name].values.items()}
    assert found == expected
    assert any(0 < bad < wanted for wanted, bad in found.values())


def test_rows_read_are_rows_kept_and_dropped(run: Tables) -> None:
    for log in WORLD.exposures:
        assert run.tallies[log.name].read == len(log.rows)
        dropped = sum(d.rows for d in run.drops if d.source == log.name and d.stage == "exposures")
        mine = {e.id for e in WORLD.experiments if e.exposures == log.name}
        kept = sum(name in mine for name, _ in run.outcome.assignments)
        assert len(log.rows) == dropped + kept, log.name
    for log in WORLD.events:
        assert run.tallies[log.name].read == len(log.rows)
        dropped = sum(d.rows for d in run.drops if d.source == log.name and d.stage == "events")
        assert len(log.rows) == dropped + run.matched[log.name], log.name


def test_a_variant_without_units_has_a_row_of_nothing(run: Tables) -> None:
    found = run.outcome.moments
    for variant in ("v0", "v1", "v2"):
        assert found["wide", variant, "orders", None, None] == Moments(0, 0, 0, None, None, None, None, {})
    one = Moments(1, 1, 1, None, None, None, None, {"mean_num": 0.0})
    assert found["wide", "v4", "orders", None, None] == one
