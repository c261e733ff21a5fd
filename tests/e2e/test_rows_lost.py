"""Rows that are lost in equal shares by all variants shift nothing, and the checks tell of them all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from committed_tables import committed
from project_builder import (
    AS_OF_INSTANT,
    EXPOSURE_COLUMNS,
    TinyProject,
    exposure_rows,
    make_project,
    purchases,
    visit_rows,
)
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

LOST = ("exposures_lost", "events_without_id", "events_without_time", "bad_values")
SOUND = {
    ("exposures_lost", "null_id"): "pass",
    ("exposures_lost", "bad_time"): "pass",
    ("exposures_lost", "unknown_variant"): "pass",
    ("exposures_lost", "exposures"): "pass",
    ("events_without_id", "purchases"): "pass",
    ("events_without_time", "purchases"): "pass",
    ("bad_values", "purchases: revenue"): "pass",
}


def found_of(spark: SparkSession, tiny: TinyProject) -> tuple[dict[tuple[str, str], str], dict[str, Any]]:
    """The statuses of the checks on what could not be read, and the decision, of `button`."""
    project = tiny.load()
    runner.run(spark, project, experiments=["button", "banner"], as_of=AS_OF_INSTANT)
    tables = committed(spark, project, names=("health", "decisions"))
    health = [row for row in tables["health"] if row["experiment_id"] == "button" and row["check"] in LOST]
    [decision] = [row for row in tables["decisions"] if row["experiment_id"] == "button"]
    return {(row["check"], row["slice_value"]): row["status"] for row in health}, decision


def test_logs_of_which_nothing_is_lost(spark: SparkSession, tmp_path: Path) -> None:
    tiny = make_project(tmp_path, "parquet")
    found, decision = found_of(spark, tiny)
    assert found == SOUND
    assert decision["decision"] != "do_not_trust"


def test_half_of_the_times_half_of_the_variants_and_most_values(spark: SparkSession, tmp_path: Path) -> None:
    """Of `button` every second time; of `banner` every second variant, of which `button` knows nothing."""
    tiny = make_project(tmp_path, "parquet")
    rows = [
        (e, user, variant.upper() if e == "banner" and n % 2 else variant, "soon" if e == "button" and n % 2 else at,
         *more) for n, (e, user, variant, at, *more) in enumerate(exposure_rows())
    ]  # fmt: skip
    tiny.write_csv("exposures", rows, EXPOSURE_COLUMNS)
    bought = purchases()
    amounts = [None if n % 4 else 1.0 for n in range(len(bought["user"]))]
    tiny.write_parquet("purchases", bought | {"amount": pa.array(amounts, pa.float64())})
    found, decision = found_of(spark, tiny)
    assert found == SOUND | {
        ("exposures_lost", "bad_time"): "fail",
        ("bad_values", "purchases: revenue"): "warn",
    }
    assert decision["decision"] == "do_not_trust"
    assert decision["reasons"] == [
        "The check exposures_lost failed: 49.7% of the exposures have no readable time."
    ]
    banner = [row for row in committed(spark, tiny.load(), names=("health",))["health"]
              if row["experiment_id"] == "banner" and row["check"] == "exposures_lost"]  # fmt: skip
    assert {row["slice_value"]: row["status"] for row in banner} == {
        "null_id": "pass", "bad_time": "pass", "unknown_variant": "fail", "exposures": "pass",
    }  # fmt: skip


@pytest.mark.parametrize("ledger", ["rows", "read"])
def test_times_that_the_ledger_leaves_unread(spark: SparkSession, tmp_path: Path, ledger: str) -> None:
    """NULL where times are compared in the scan; times of exposures, in CSV, are text, which is not compared."""
    tiny = make_project(tmp_path, "parquet")
    tiny.edit("environments/here.yaml", "lake:", f"ledger: {ledger}\nlake:")
    bought = purchases()
    times = [None if n % 2 else at for n, at in enumerate(bought["ts"].to_pylist())]
    tiny.write_parquet("purchases", bought | {"ts": pa.array(times, pa.timestamp("us", tz="UTC"))})
    tiny.write_csv("visits", visit_rows(), ("user", "ts"))
    found, _ = found_of(spark, tiny)
    expected = {("events_without_time", "purchases"): "fail"}
    if ledger == "read":
        expected = {
            ("events_without_time", "purchases"): "skipped",
            ("exposures_lost", "exposures"): "skipped",
        }
    assert found == SOUND | expected
