"""Checks on what could not be read: of which rows each share is, and where it warns and fails."""

from __future__ import annotations

from typing import Any

import pytest
from test_health import count, experiment

from abspark.analysis.health import SourceCount, health
from abspark.analysis.health_lost import values_check

Rows = list[dict[str, Any]]
PROFILE = [count("a", 500), count("b", 300), count("c", 100)]


def drop(reason: str, rows: int, *, stage: str = "exposures", **more: Any) -> dict[str, Any]:
    return {"experiment_id": "e", "stage": stage, "source": "x", "reason": reason, "variant": None, "rows": rows,
            "units": None, **more}  # fmt: skip


def said(check: str, drops: Rows, **given: Any) -> dict[str, tuple[str, str | None]]:
    """Status and what was seen, or the message where the check is skipped, by slice."""
    settings = given.pop("health", {})
    rows = health(PROFILE, [experiment(health=settings)], drops=drops, **given)
    return {
        row["slice_value"]: (row["status"], row["observed"] or row["message"])
        for row in rows
        if row["check"] == check
    }


def test_each_reason_is_a_share_of_the_exposures_that_were_asked() -> None:
    """900 units and 100 repeated exposures count; rows that are lost to one reason are not asked for the next."""
    drops = [
        drop("null_id", 250),
        drop("bad_time", 8),
        drop("unknown_variant", 20),
        drop("repeated_exposure", 100),
        drop("outside_interval", 4_000),
        drop("filtered", 2_000),
        drop("after_as_of", 1_000),
        drop("unknown_variant", 7_777, experiment_id="other"),
        drop("bad_time", 7_777, stage="pairs"),
    ]
    assert said("exposures_lost", drops) == {
        "null_id": ("warn", "250 of 8,278 exposures (3.02%)"),
        "bad_time": ("pass", "8 of 8,028 exposures (0.0997%)"),
        "unknown_variant": ("warn", "20 of 1,020 exposures (1.96%)"),
        "x": ("pass", "0 of 16,055 rows (0%)"),
    }


@pytest.mark.parametrize(("lost", "status"), [(9, "pass"), (10, "warn"), (100, "warn"), (101, "fail")])
@pytest.mark.parametrize("reason", ["null_id", "bad_time", "unknown_variant"])
def test_few_lost_exposures_pass(reason: str, lost: int, status: str) -> None:
    assert said("exposures_lost", [drop(reason, lost)])[reason][0] == status
    assert said(
        "exposures_lost", [drop(reason, lost)], health={"exposures_lost": {"warn": 0.9, "fail": 0.9}}
    )[reason] == ("pass", f"{lost} of {900 + lost:,} exposures ({100 * lost / (900 + lost):.3g}%)")


def test_what_lost_exposures_say() -> None:
    [row] = [
        row
        for row in health(PROFILE, [experiment()], drops=[drop("unknown_variant", 900)])
        if row["check"] == "exposures_lost" and row["status"] == "fail"
    ]
    assert (row["slice_name"], row["statistic"], row["threshold"], row["expected"]) == (
        "reason",
        0.5,
        0.1,
        "none",
    )
    assert row["message"] == "50% of the exposures name a variant that is not configured."
    assert row["advice"].startswith("Compare the keys of the variants with what the log calls them, capitals")


def test_rows_that_name_no_experiment_are_of_the_log() -> None:
    nameless = [drop("null_id", 60, experiment_id="*"), drop("bad_time", 40, experiment_id="*")]
    assert said("exposures_lost", nameless) == {
        "null_id": ("pass", "0 of 900 exposures (0%)"),
        "bad_time": ("pass", "0 of 900 exposures (0%)"),
        "unknown_variant": ("pass", "0 of 900 exposures (0%)"),
        "x": ("warn", "100 of 1,000 rows (10%)"),
    }
    others = [*nameless, drop("other_experiment", 1, experiment_id="*")]
    assert said("exposures_lost", others)["x"] == (
        "skipped",
        "x has rows of other experiments, so one that names none of the run's may be theirs.",
    )
    elsewhere = [drop("null_id", 60, experiment_id="*", source="y")]
    assert said("exposures_lost", elsewhere)["x"] == ("pass", "0 of 900 rows (0%)")


def test_an_experiment_that_its_log_does_not_name_is_told_of() -> None:
    """A mistyped id leaves all rows to other experiments, and no other check has anything to judge."""
    others = [drop("other_experiment", 900, experiment_id="*"), drop("null_id", 2, experiment_id="*")]
    [row] = [r for r in health([], [experiment()], drops=others) if r["slice_value"] == "x"]
    assert (row["status"], row["observed"]) == ("warn", "0 of 902 rows")
    assert row["message"] == "None of the rows in x names the experiment e; they name others."
    assert row["advice"].startswith("Compare the experiment's id with what the log calls it")
    late = [*others, drop("outside_interval", 1)]
    [row] = [r for r in health([], [experiment()], drops=late) if r["slice_value"] == "x"]
    assert row["status"] == "skipped"
    unread = {"x": {"other_experiment"}}
    [row] = [r for r in health([], [experiment()], drops=others, unread=unread) if r["slice_value"] == "x"]
    assert row["status"] == "skipped"


def test_exposures_of_nothing() -> None:
    rows = health([], [experiment()])
    assert {
        r["slice_value"]: (r["status"], r["message"]) for r in rows if r["check"] == "exposures_lost"
    } == {
        "null_id": ("skipped", "No exposures."),
        "bad_time": ("skipped", "No exposures."),
        "unknown_variant": ("skipped", "No exposures."),
        "x": ("skipped", "x has no rows."),
    }


def test_what_the_ledger_left_unread_is_not_judged() -> None:
    unread = {"x": {"bad_time", "other_experiment"}, "orders": {"bad_time"}}
    found = said("exposures_lost", [drop("null_id", 900)], unread=unread)
    assert found["null_id"][0] == "fail"
    assert found["bad_time"] == ("skipped", "With ledger: read rows of x without a time are left unread.")
    assert found["unknown_variant"][0] == "pass"
    assert found["x"][1] == "With ledger: read rows of x that name no experiment of the run are left unread."
    sources = {"e": [SourceCount("orders", 1_000, 900, identified=False)]}
    found = said("events_without_time", [], sources=sources, unread=unread)
    assert found == {
        "orders": ("skipped", "With ledger: read rows of orders without a time are left unread.")
    }
    assert said("events_without_id", [], sources=sources, unread=unread)["orders"][0] == "pass"


@pytest.mark.parametrize(
    ("ids", "times", "expected"),
    [
        (100, 9, (("pass", "100 of 1,000 rows (10%)"), ("pass", "9 of 900 rows (1%)"))),
        (101, 9, (("warn", "101 of 1,000 rows (10.1%)"), ("warn", "9 of 899 rows (1%)"))),
        (901, 10, (("fail", "901 of 1,000 rows (90.1%)"), ("fail", "10 of 99 rows (10.1%)"))),
        (1_000, 0, (("fail", "1,000 of 1,000 rows (100%)"), ("skipped", "orders has no rows."))),
    ],
)
def test_events_without_id_or_time(ids: int, times: int, expected: tuple[Any, Any]) -> None:
    drops = [
        drop("null_id", ids, stage="events", source="orders", experiment_id="*"),
        drop("bad_time", times, stage="events", source="orders", experiment_id="*"),
        drop("bad_time", 999, stage="events", source="visits", experiment_id="*"),
    ]
    sources = {"e": [SourceCount("orders", 1_000, 900, identified=False)]}
    found = tuple(
        said(check, drops, sources=sources)["orders"]
        for check in ("events_without_id", "events_without_time")
    )
    assert found == expected


@pytest.mark.parametrize(("bad", "status"), [(10, "pass"), (11, "warn"), (900, "warn"), (901, "fail")])
def test_bad_values(bad: int, status: str) -> None:
    row = values_check(experiment(), "orders", "revenue", wanted=1_000, bad=bad)
    assert (row["check"], row["slice_name"], row["slice_value"], row["status"]) == (
        "bad_values", "source: metric", "orders: revenue", status,
    )  # fmt: skip
    assert row["observed"] == f"{bad} of 1,000 rows ({bad / 10:.3g}%)"
    assert row["message"] == (
        f"{bad / 10:.3g}% of the rows in orders that revenue wants a value of have none that it can use."
    )
    given = experiment(health={"bad_values": {"warn": 0.95, "fail": 0.95}})
    assert values_check(given, "orders", "revenue", wanted=1_000, bad=bad)["status"] == "pass"


def test_values_of_nothing() -> None:
    row = values_check(experiment(), "orders", "revenue", wanted=0, bad=0)
    assert (row["status"], row["message"]) == (
        "skipped",
        "revenue wants no row of orders in the time of its windows.",
    )


def test_events_of_nobody_are_no_fault_of_ids_where_exposures_were_lost() -> None:
    """All exposures of an unknown variant: the event log's ids may be as they should."""
    sources = {"e": [SourceCount("orders", 1_000, 0, identified=False)]}
    unmatched = drop("unmatched_unit", 1_000, stage="events", source="orders", experiment_id="*")

    def advice(*drops: dict[str, Any]) -> str:
        rows = health([], [experiment()], drops=[unmatched, *drops], sources=sources)
        return str(next(row["advice"] for row in rows if row["check"] == "unmatched_events"))

    assert advice() == (
        "See in abspark drops whether any exposure was kept. Compare the unit ids of the event log with those of the "
        "exposures: their form, and what they name."
    )
    assert advice(drop("unknown_variant", 1_000)) == (
        "See to the exposures that were lost first (check exposures_lost): units without any are in no experiment, "
        "whatever their ids."
    )
