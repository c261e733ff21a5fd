"""What a run says where much of an event log is read only because the earliest copy of an event may be there."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from project_builder import AS_OF_INSTANT, START, make_project, purchases
from pyspark.sql import SparkSession

from abspark import runner
from abspark.pipeline import ledger
from abspark.progress import Progress

pytestmark = [pytest.mark.spark, pytest.mark.e2e]
EARLY = 3


def test_many_early_rows_are_told_of_with_what_to_say_in_the_source(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = make_project(tmp_path, "parquet")
    log = pa.table(purchases())
    early = {
        "user": ["user-001"] * EARLY, "ts": [START - timedelta(days=90)] * EARLY, "kind": ["buy"] * EARLY,
        "amount": [1.0] * EARLY, "id": [f"early-{number}" for number in range(EARLY)],
    }  # fmt: skip
    log = pa.concat_tables([log, pa.table(early, schema=log.schema)])
    tiny.write_parquet("purchases", {name: log[name] for name in log.column_names})
    monkeypatch.setattr(ledger, "MANY", EARLY)
    shown = io.StringIO()
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT, progress=Progress(shown))
    told = [line for line in shown.getvalue().splitlines() if "copies_within" in line]
    assert told == [
        "  purchases: 3 rows are earlier than all windows, and kept as the earliest copy of an event may be there; "
        "where copies are never so far apart, copies_within in the source says it"
    ]
