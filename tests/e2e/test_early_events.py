"""What a run as of now says of its event logs: that much is read only because an event's earliest copy may be there,
and that clocks run ahead."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pytest
from committed_tables import Rows, committed
from project_builder import START, exposure_rows, make_project, purchases, visit_rows
from pyspark.sql import SparkSession

from abspark import runner
from abspark.pipeline import ledger
from abspark.progress import Progress

pytestmark = [pytest.mark.spark, pytest.mark.e2e]
EARLY = 3
"""Purchases long before all windows; one more is dated tomorrow."""


class Said(NamedTuple):
    told: str
    health: Rows


@pytest.fixture(scope="module")
def said(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Said:
    tiny = make_project(tmp_path_factory.mktemp("early"), "parquet")
    log, more = pa.table(purchases()), EARLY + 1
    added = {
        "user": ["user-001"] * more, "kind": ["buy"] * more, "amount": [1.0] * more,
        "ts": [START - timedelta(days=90)] * EARLY + [datetime.now(UTC) + timedelta(days=1)],
        "id": [f"more-{number}" for number in range(more)],
    }  # fmt: skip
    log = pa.concat_tables([log, pa.table(added, schema=log.schema)])
    tiny.write_parquet("purchases", {name: log[name] for name in log.column_names})
    shown, project = io.StringIO(), tiny.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "MANY", EARLY)
        runner.run(spark, project, progress=Progress(shown))
    return Said(shown.getvalue(), committed(spark, project, names=["health"])["health"])


def test_many_early_rows_are_told_of_with_what_to_say_in_the_source(said: Said) -> None:
    assert [line for line in said.told.splitlines() if "copies_within" in line] == [
        "  purchases: 3 rows are earlier than all windows, and kept as the earliest copy of an event may be there; "
        "where copies are never so far apart, copies_within in the source says it"
    ]


def test_rows_dated_after_the_run_began_are_counted_by_log(said: Said) -> None:
    found = {
        (row["experiment_id"], row["slice_value"]): row["observed"]
        for row in said.health
        if row["check"] == "clock"
    }
    bought = len(purchases()["user"]) + EARLY + 1
    ahead = f"1 of {bought} rows ({100 / bought:.3g}%)"
    shown, visited = (f"0 of {len(rows)} rows (0%)" for rows in (exposure_rows(), visit_rows()))
    assert found == {
        ("button", "exposures"): shown, ("button", "purchases"): ahead,
        ("banner", "exposures"): shown, ("banner", "purchases"): ahead, ("banner", "visits"): visited,
    }  # fmt: skip
