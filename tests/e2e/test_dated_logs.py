"""Logs in folders of dates: the run reads those that can matter, and says so where rows lie in others."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from committed_tables import assert_same, committed, run_records
from project_builder import AS_OF_INSTANT, START, TinyProject, make_project, purchases
from pyspark.sql import SparkSession

from abspark import runner
from abspark.errors import LedgerError

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]


def in_folders(project: TinyProject, misplaced: int = 0) -> None:
    """Write purchases by UTC day, the first `misplaced` of those after a week into a folder of months before."""
    log = pa.table(purchases())
    days = [f"{instant:%Y-%m-%d}" for instant in log["ts"].to_pylist()]
    late = [place for place, day in enumerate(days) if day == f"{START:%Y-%m}-08"]
    for place in late[:misplaced]:
        days[place] = "2025-11-01"
    for day in set(days):
        folder = project.root / "data" / "purchases" / f"dt={day}"
        folder.mkdir()
        pq.write_table(log.filter(pa.array([other == day for other in days])), folder / "part.parquet")
    (project.root / "data" / "purchases" / "part.parquet").unlink()
    project.edit(
        "sources/logs.yaml",
        "path: data/purchases\n",
        "path: data/purchases\n    partition_date: {column: dt, within: 0s}\n    copies_within: 0d\n",
    )


def test_folders_change_no_number_unless_rows_lie_elsewhere(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names = ("moments", "results", "drops")
    plain, sound, unsound = (
        make_project(tmp_path_factory.mktemp(name), "parquet") for name in ("plain", "sound", "unsound")
    )
    plain.edit("sources/logs.yaml", "path: data/purchases\n", "path: data/purchases\n    copies_within: 0d\n")
    in_folders(sound)
    in_folders(unsound, misplaced=2)
    tables = []
    for project in (plain, sound):
        runner.run(spark, project.load(), as_of=AS_OF_INSTANT)
        tables.append(committed(spark, project.load(), names=names))
    assert_same(tables[1], tables[0])
    with pytest.raises(LedgerError, match=r"(?s)valid events of purchases: .* partition_date"):
        runner.run(spark, unsound.load(), as_of=AS_OF_INSTANT)
    [record] = run_records(spark, unsound.load())
    assert record["status"] == "failed"
