"""What an environment may choose about the ledger and the unit metrics, through whole runs over the same logs."""

from __future__ import annotations

import hmac
from collections import defaultdict
from datetime import timedelta
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pytest
from committed_tables import COMMITTED, Tables, assert_same, committed, run_records
from project_builder import AS_OF_INSTANT, START, TinyProject, make_project, purchases
from pyspark.sql import SparkSession

from abspark import runner
from abspark.config import load_project

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

EARLY = 3
"""Purchases long before all windows; one is after those of its unit, and not after those of all, one after all."""
LATE = [START + timedelta(days=12), START + timedelta(days=29)]
SAMPLED_CHECKS = ("drops_balanced", "events_before_exposure")
SECRET = "0123456789abcdef0123456789abcdef"
NUMBERS = ("assignments", "moments", "results")


def made(root: pytest.TempPathFactory, name: str, chosen: str) -> TinyProject:
    """The tiny project with early purchases, and with `chosen` in its environment."""
    tiny = make_project(root.mktemp(name), "parquet")
    log = pa.table(purchases())
    early = {
        "user": ["user-001"] * (EARLY + 2), "ts": [START - timedelta(days=90)] * EARLY + LATE,
        "kind": ["buy"] * (EARLY + 2), "amount": [1.0] * (EARLY + 2), "id": [f"more-{n}" for n in range(EARLY + 2)],
    }  # fmt: skip
    log = pa.concat_tables([log, pa.table(early, schema=log.schema)])
    tiny.write_parquet("purchases", {column: log[column] for column in log.column_names})
    tiny.edit("sources/logs.yaml", "event_id: id}\n  - name: visits",
              "event_id: id}\n    copies_within: 0d\n  - name: visits")  # fmt: skip
    tiny.edit("environments/here.yaml", "format: parquet}", f"format: parquet}}\n{chosen}")
    return tiny


def ran(spark: SparkSession, tiny: TinyProject) -> Tables:
    project = tiny.load()
    runner.run(spark, project, as_of=AS_OF_INSTANT)
    return committed(spark, project, names=(*COMMITTED, "unit_metrics"))


@pytest.fixture(scope="module")
def usual(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return ran(spark, made(tmp_path_factory, "usual", ""))


def test_unread_rows_are_counted_and_the_condition_stated(
    spark: SparkSession, usual: Tables, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tiny = made(tmp_path_factory, "read", "ledger: read")
    found = ran(spark, tiny)
    assert_same({name: found[name] for name in NUMBERS}, {name: usual[name] for name in NUMBERS})
    [record] = run_records(spark, tiny.load())
    inputs = {row["source"]: row for row in record["inputs"]}
    there = len(purchases()["user"]) + EARLY + len(LATE)
    # up to as_of, as the newest event tells how far the log is complete
    assert inputs["purchases"]["predicate"] == "ts >= 2026-03-01 00:00:00 and ts <= 2026-04-01 00:00:00"
    assert (inputs["purchases"]["rows"], inputs["purchases"]["not_read"]) == (there - EARLY, EARLY)
    # nobody has counted the rows of a text file
    assert inputs["exposures"]["predicate"] == "experiment in (banner, button)"
    assert inputs["exposures"]["not_read"] is None
    assert inputs["visits"]["predicate"] is None
    outside = [row for row in found["drops"] if (row["stage"], row["source"]) == ("events", "purchases")]
    assert [row["rows"] for row in outside if row["reason"] == "outside_windows"] == [1]


def test_every_row_outside_a_window_is_told_as_before_or_after_it(
    spark: SparkSession, usual: Tables, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = ran(spark, made(tmp_path_factory, "full", "ledger: full"))
    assert_same({name: found[name] for name in NUMBERS}, {name: usual[name] for name in NUMBERS})
    totals: dict[tuple[str, ...], int] = defaultdict(int)
    for row in usual["drops"]:
        if row["stage"] == "pairs" and row["reason"] == "outside_windows":
            totals[row["experiment_id"], row["source"], row["variant"]] += row["rows"]
    split: dict[tuple[str, ...], int] = defaultdict(int)
    reasons = set()
    for row in found["drops"]:
        if row["stage"] == "pairs" and row["reason"] in ("before_window", "after_window", "outside_windows"):
            split[row["experiment_id"], row["source"], row["variant"]] += row["rows"]
            reasons.add(row["reason"])
    assert totals
    assert split == totals
    assert reasons == {"before_window", "after_window"}


def test_unit_metrics_are_kept_where_they_are_asked_for(
    spark: SparkSession, usual: Tables, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert usual["unit_metrics"] == []
    found = ran(spark, made(tmp_path_factory, "kept", "keep_unit_metrics: true"))
    assert_same({name: found[name] for name in COMMITTED}, {name: usual[name] for name in COMMITTED})
    sums: dict[tuple[str, str], float] = defaultdict(float)
    units: dict[tuple[str, str], int] = defaultdict(int)
    for row in found["unit_metrics"]:
        sums[row["experiment_id"], row["metric"]] += row["num"]
        units[row["experiment_id"], row["metric"]] += 1
    last = max(row["day"] for row in found["moments"])
    whole = [row for row in found["moments"] if row["segment_name"] is None and row["day"] == last]
    expected: dict[tuple[str, str], float] = defaultdict(float)
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for row in whole:
        expected[row["experiment_id"], row["metric"]] += row["n"] * row["mean_num"]
        counted[row["experiment_id"], row["metric"]] += row["n"]
    assert units == counted
    assert sums == pytest.approx(expected, rel=1e-9)


def test_pseudonyms_change_nothing_but_who_a_unit_is(
    spark: SparkSession, usual: Tables, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Samples are of other units, so their drops and the checks of these are not compared."""
    chosen = "keep_unit_metrics: true\npseudonymise: true\npseudonym_key: ${SECRET}"
    tiny = made(tmp_path_factory, "pseudonyms", chosen)
    project = load_project(tiny.conf, "here", environ={"SECRET": SECRET})
    runner.run(spark, project, as_of=AS_OF_INSTANT)
    found = committed(spark, project, names=(*COMMITTED, "unit_metrics"))
    same = ("moments", "results")
    assert_same({name: found[name] for name in same}, {name: usual[name] for name in same})
    health = [
        [row for row in tables["health"] if row["check"] not in SAMPLED_CHECKS] for tables in (found, usual)
    ]
    assert_same({"health": health[0]}, {"health": health[1]})
    assert _not_sampled(found) == _not_sampled(usual)
    hidden = {"unit_key_hi": None, "unit_key_lo": None, "bucket": None}
    expected = [row | hidden | {"unit_id": _pseudonym(row["unit_id"])} for row in usual["assignments"]]
    assert [row["bucket"] for row in found["assignments"]] == [None] * len(expected)
    by_unit = itemgetter("experiment_id", "unit_id")
    assert sorted((row | hidden for row in found["assignments"]), key=by_unit) == sorted(
        expected, key=by_unit
    )
    assert found["unit_metrics"]
    assert _keys(found["unit_metrics"]) <= _keys(found["assignments"])
    assert not _keys(found["assignments"]) & _keys(usual["assignments"])
    assert project.configuration_hash(["button"]) != tiny.load("own").configuration_hash(["button"])


def _keys(rows: list[dict[str, Any]]) -> set[tuple[int, int]]:
    return {(row["unit_key_hi"], row["unit_key_lo"]) for row in rows}


def _pseudonym(unit: str) -> str:
    return hmac.digest(SECRET.encode(), unit.encode(), "sha256").hex()


def _not_sampled(tables: Tables) -> list[dict[str, Any]]:
    return [row for row in tables["drops"] if row["stage"] != "sample"]
