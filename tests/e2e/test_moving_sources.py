"""Delta sources that change while a run is under way: it reads the versions that it pinned, or says what is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from committed_tables import assert_same, committed, heads, run_records
from project_builder import AS_OF, AS_OF_INSTANT, TinyProject, Undisturbed, make_project
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from test_jobs import exit_code

import jobs.analyze
import jobs.assignments
import jobs.moments
from abspark import runner
from abspark.cli import cli, invoke
from abspark.progress import Progress, Stage

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

LOGS = ("exposures", "purchases", "visits")


class Meddling(Progress):
    """Progress that changes the sources as some stages begin."""

    def __init__(self, changes: dict[str, Callable[[], None]]) -> None:
        super().__init__()
        self.changes = changes

    @contextmanager
    def stage(self, name: str, *, aside: bool = False) -> Iterator[Stage]:
        if name in self.changes:
            self.changes.pop(name)()
        with super().stage(name, aside=aside) as stage:
            yield stage


@pytest.fixture
def tiny(spark: SparkSession, tmp_path: Path) -> TinyProject:
    """The tiny project with its logs as Delta tables of several files."""
    tiny = make_project(tmp_path)
    for name, form in zip(LOGS, ("csv", "parquet", "csv"), strict=True):
        log = spark.read.format(form).options(header=True).load(str(tmp_path / "data" / name))
        log.repartition(4).write.format("delta").save(table(tiny, name))
        old = f"format: {form}\n    path: data/{name}"
        tiny.edit("sources/logs.yaml", old, f"format: delta\n    path: data/{name}_delta")
    return tiny


def table(tiny: TinyProject, log: str) -> str:
    return str(tiny.root / "data" / f"{log}_delta")


def append(spark: SparkSession, tiny: TinyProject) -> None:
    """The same rows again: they would count twice where they have no id of their own, as visits."""
    for name in LOGS:
        rows = spark.read.format("delta").load(table(tiny, name))
        rows.write.format("delta").mode("append").save(table(tiny, name))


def compact(spark: SparkSession, tiny: TinyProject) -> None:
    for name in LOGS:
        spark.sql(f"OPTIMIZE delta.`{table(tiny, name)}`").collect()


def widen(spark: SparkSession, tiny: TinyProject) -> None:
    """A new column, and rows that have it."""
    for name in LOGS:
        rows = spark.read.format("delta").load(table(tiny, name)).withColumn("added", F.lit(1))
        rows.write.format("delta").mode("append").option("mergeSchema", "true").save(table(tiny, name))


def vacuum(spark: SparkSession, tiny: TinyProject, *logs: str) -> None:
    """Compacted, and what compaction replaced is gone at once, which Delta allows only when told to."""
    compact(spark, tiny)
    check = "spark.databricks.delta.retentionDurationCheck.enabled"
    spark.conf.set(check, "false")
    for name in logs:
        spark.sql(f"VACUUM delta.`{table(tiny, name)}` RETAIN 0 HOURS").collect()
    spark.conf.unset(check)


CHANGES = (append, compact, widen)


def test_changes_between_pin_and_reads(
    spark: SparkSession, tiny: TinyProject, undisturbed: Undisturbed
) -> None:
    def change_all() -> None:
        for change in CHANGES:
            change(spark, tiny)

    meddling = Meddling({"count exposures": change_all, "moments": change_all})
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT, progress=meddling)
    assert meddling.changes == {}
    assert_same(committed(spark, tiny.load()), undisturbed.tables)
    inputs = {row["source"]: row["version"] for row in run_records(spark, tiny.load())[0]["inputs"]}
    assert inputs == dict.fromkeys(LOGS, 0)
    assert spark.sql(f"DESCRIBE HISTORY delta.`{table(tiny, 'visits')}`").count() == 1 + 2 * len(CHANGES)


def test_changes_between_the_jobs(
    spark: SparkSession, tiny: TinyProject, undisturbed: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(jobs.assignments, tiny, "--as-of", AS_OF) == 0
    run_id = capsys.readouterr().out.strip()
    for change in CHANGES:
        change(spark, tiny)
    assert exit_code(jobs.moments, tiny, "--run-id", run_id) == 0
    append(spark, tiny)
    assert exit_code(jobs.analyze, tiny, "--run-id", run_id) == 0
    assert set(heads(spark, tiny.load()).values()) == {run_id}
    assert_same(committed(spark, tiny.load()), undisturbed.tables)


@pytest.mark.parametrize("stage", ["count purchases", "moments"])
def test_a_vacuum_that_takes_the_pinned_files(
    spark: SparkSession,
    tiny: TinyProject,
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    meddling = Meddling({stage: lambda: vacuum(spark, tiny, "purchases")})
    monkeypatch.setattr("abspark.progress.on_stderr", lambda: meddling)
    code = invoke(cli, tiny.command("run", "--as-of", AS_OF))
    told = capsys.readouterr().err
    assert code == 3
    fault = told[told.index("error: ") :]
    assert fault.startswith(f"error: source purchases: cannot read file:{table(tiny, 'purchases')}/part-")
    assert "it was removed after the run had started\n  do: run again" in fault
    assert len(fault.splitlines()) == 2
    assert heads(spark, tiny.load()) == {}
