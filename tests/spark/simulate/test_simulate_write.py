from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from simulated_logs import FAULTY

from abspark.config import load_project
from abspark.errors import UsageError
from abspark.simulate import LogFormat, Simulation, events, exposures, injected, stated, write

SIM = replace(FAULTY, units=100, events_per_unit=3.0)


def _read(spark: SparkSession, path: Path, log_format: str, like: DataFrame) -> DataFrame:
    if log_format == "csv":
        return spark.read.csv(str(path), header=True, schema=like.schema)
    return spark.read.format(log_format).load(str(path))


@pytest.mark.parametrize("log_format", ["delta", "parquet", "csv"])
def test_written_logs_are_the_simulated_ones(
    spark: SparkSession, tmp_path: Path, log_format: LogFormat
) -> None:
    out = write(spark, SIM, tmp_path / "project", format=log_format)
    assert out == tmp_path / "project"
    for name, log in (("exposures", exposures(spark, SIM)), ("events", events(spark, SIM))):
        written = _read(spark, out / "raw" / name, log_format, log)
        assert_df_equality(written, log, ignore_row_order=True, ignore_nullable=True)
        names = [path.name for path in (out / "raw" / name).glob("part-*")]
        assert all(".zstd." in part for part in names) == (log_format != "csv")
        assert names


def test_the_truth_is_written(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, SIM, tmp_path, format="parquet")
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert truth == {**stated(SIM), "injected": injected(spark, SIM)}
    assert Simulation(**{**truth["parameters"], "start": SIM.start}) == SIM
    assert truth["assignment"]["variants"] == ["control", "treatment_1", "treatment_2"]
    assert truth["horizon"] == "2025-03-20T00:00:00+00:00"


def test_the_project_is_valid_and_reads_the_logs(spark: SparkSession, tmp_path: Path) -> None:
    sim = replace(SIM, carry_variant=True)
    write(spark, sim, tmp_path, format="csv")
    project = load_project(tmp_path / "conf", "local")
    assert list(project.experiments) == ["exp_0", "exp_1", "exp_2", "exp_3"]
    assert set(project.metrics) == set(stated(sim)["relative_effects"]["exp_1"])
    (shown,), (log,) = project.exposures.values(), project.events.values()
    assert (shown.format, shown.path) == ("csv", str(tmp_path / "raw" / "exposures"))
    assert (log.format, log.path) == ("csv", str(tmp_path / "raw" / "events"))
    assert set(log.columns.mapped.values()) == set(events(spark, sim).columns)
    used = {*shown.columns.mapped.values(), *shown.attributes, *shown.properties}
    assert used == set(exposures(spark, sim).columns)
    experiment = project.experiments["exp_1"]
    assert (experiment.start, experiment.end) == (sim.starts_at, sim.ends_at)
    assert [variant.key for variant in experiment.variants] == list(sim.variant_names)
    assert log.complete_until == sim.horizon


def test_a_log_without_variants_maps_none(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, SIM, tmp_path, format="parquet")
    (log,) = load_project(tmp_path / "conf", "local").events.values()
    assert set(log.columns.mapped.values()) == set(events(spark, SIM).columns)


@pytest.mark.parametrize("name", ["raw", "conf", "truth.json"])
def test_nothing_is_overwritten(spark: SparkSession, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UsageError, match=f"{name} exists"):
        write(spark, SIM, tmp_path, format="parquet")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unknown_format_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="format = orc\n  allowed: delta, parquet, csv"):
        write(spark, SIM, tmp_path, format="orc")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_csv_times_carry_their_offset(spark: SparkSession, tmp_path: Path) -> None:
    write(spark, SIM, tmp_path, format="csv")
    text = spark.read.csv(str(tmp_path / "raw" / "events"), header=True).where("ts IS NOT NULL")
    pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
    assert text.where(~F.col("ts").rlike(pattern)).isEmpty()
    assert not text.isEmpty()
