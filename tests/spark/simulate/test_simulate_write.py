from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from simulated_logs import Logs, by_unit, collected, doubles, true_rows, without_doubles

from abspark.config import load_project
from abspark.errors import UsageError
from abspark.simulate import LogFormat, Simulation, stated, truth, write
from abspark.simulate.project import write_project


@pytest.fixture(scope="session")
def written(spark: SparkSession, faulty: Logs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(spark, faulty.sim, tmp_path_factory.mktemp("simulated") / "project", format="parquet")


@pytest.fixture
def without_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "injected", lambda _spark, _sim: {})


def _check_logs(spark: SparkSession, out: Path, log_format: LogFormat, faulty: Logs) -> None:
    for name, rows, schema in zip(
        ("exposures", "events"), (faulty.exposures, faulty.events), faulty.schemas, strict=True
    ):
        path = out / "raw" / name
        log = _read(spark, path, log_format, schema)
        assert log.schema.simpleString() == schema
        assert Counter(collected(log)) == Counter(rows)
        parts = [part.name for part in path.glob("part-*")]
        assert parts
        assert all(".zstd." in part for part in parts) == (log_format != "csv")


def _read(spark: SparkSession, path: Path, log_format: LogFormat, schema: str) -> DataFrame:
    if log_format == "csv":
        ddl = schema.removeprefix("struct<").removesuffix(">").replace(":", " ").replace(",", ", ")
        return spark.read.csv(str(path), header=True, schema=ddl)
    return spark.read.format(log_format).load(str(path))


def test_parquet_holds_the_simulated_logs(spark: SparkSession, faulty: Logs, written: Path) -> None:
    _check_logs(spark, written, "parquet", faulty)


@pytest.mark.usefixtures("without_counts")
def test_delta_holds_the_simulated_logs(spark: SparkSession, faulty: Logs, tmp_path: Path) -> None:
    _check_logs(spark, write(spark, faulty.sim, tmp_path, format="delta"), "delta", faulty)


@pytest.mark.usefixtures("without_counts")
def test_csv_holds_the_simulated_logs_with_offsets(spark: SparkSession, faulty: Logs, tmp_path: Path) -> None:
    _check_logs(spark, write(spark, faulty.sim, tmp_path, format="csv"), "csv", faulty)
    text = spark.read.csv(str(tmp_path / "raw" / "events"), header=True).where("ts IS NOT NULL")
    pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
    counts = text.agg(F.count("*").alias("rows"), F.count_if(F.col("ts").rlike(pattern)).alias("right"))
    (found,) = counts.collect()
    assert found.rows == found.right > 0


def test_the_truth_is_written_with_the_numbers_of_faults_in_the_logs(faulty: Logs, written: Path) -> None:
    known = json.loads((written / "truth.json").read_text(encoding="utf-8"))
    injected = known.pop("injected")
    assert known == stated(faulty.sim)
    assert Simulation(**{**known["parameters"], "start": faulty.sim.start}) == faulty.sim
    assert known["horizon"] == "2025-03-20T00:00:00+00:00"

    rows, units = without_doubles(faulty.exposures), by_unit(true_rows(faulty.exposures))
    assert injected["exposures"] == {
        "rows": len(faulty.exposures),
        "duplicate_rows": doubles(faulty.exposures),
        "null_ids": sum(row.user_id is None for row in rows),
        "bad_times": sum(row.at is None for row in rows),
        "late": sum(row.at is not None and row.at >= faulty.end for row in rows),
        "unknown_variant": sum(row.variant == "retired" for row in rows),
        "bots": sum(row.is_bot for row in faulty.exposures),
        "two_variants": sum(len({row.variant for row in shown}) - 1 for shown in units.values()),
    }
    events = without_doubles(faulty.events)
    assert injected["events"] == {
        "rows": len(faulty.events),
        "duplicate_events": doubles(faulty.events),
        "null_ids": sum(row.user_id is None for row in events),
        "bad_times": sum(row.at is None for row in events),
        "late": sum(row.at is not None and row.at >= faulty.horizon for row in events),
        "before_exposure": sum(row.event_id.startswith("c") for row in events),
    }


def test_the_truth_counts_units(faulty: Logs, clean: Logs, written: Path) -> None:
    units = json.loads((written / "truth.json").read_text(encoding="utf-8"))["injected"]["units"]
    right = {key: shown[0].variant for key, shown in by_unit(clean.exposures).items()}
    left = {key: shown[0].variant for key, shown in by_unit(true_rows(faulty.exposures)).items()}
    assert units["exposed"] == len(right)
    assert units["lost_treatment_rows"] == len(right) - len(left)
    # The wrong ones among the units that are not lost are seen; the lost ones are not.
    seen = sum(left[key] != right[key] for key in left)
    assert seen < units["wrong_variant"] < seen * len(right) / len(left) * 1.3


def test_the_project_is_valid_and_reads_the_logs(faulty: Logs, written: Path) -> None:
    sim, project = faulty.sim, load_project(written / "conf", "local")
    assert list(project.experiments) == ["exp_0", "exp_1", "exp_2", "exp_3"]
    assert set(project.metrics) == set(stated(sim)["relative_effects"]["exp_1"])
    (shown,), (log,) = project.exposures.values(), project.events.values()
    assert (shown.format, shown.path) == ("parquet", str(written / "raw" / "exposures"))
    assert (log.format, log.path) == ("parquet", str(written / "raw" / "events"))
    used = {*shown.columns.mapped.values(), *shown.attributes, *shown.properties}
    assert used == set(faulty.exposures[0].asDict()) - {"at"} | {"ts"}
    assert set(log.columns.mapped.values()) == set(faulty.events[0].asDict()) - {"at"} | {"ts"}
    assert log.complete_until == sim.horizon
    experiment = project.experiments["exp_1"]
    assert (experiment.start, experiment.end) == (sim.starts_at, sim.ends_at)
    assert [(variant.key, variant.weight) for variant in experiment.variants] == [
        (name, 1 / 3) for name in ("control", "treatment_1", "treatment_2")
    ]


@pytest.mark.parametrize("variants", [2, 7, 64])
def test_the_project_of_a_carrying_log_maps_experiment_and_variant(tmp_path: Path, variants: int) -> None:
    write_project(Simulation(carry_variant=True, variants=variants), tmp_path, log_format="csv")
    (log,) = load_project(tmp_path / "conf", "local").events.values()
    assert (log.format, log.columns.experiment, log.columns.variant) == ("csv", "experiment_id", "variant")


@pytest.mark.parametrize("name", ["raw", "conf", "truth.json"])
def test_nothing_is_overwritten(spark: SparkSession, tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UsageError, match=f"{name} exists"):
        write(spark, Simulation(), tmp_path, format="parquet")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unknown_format_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="format = orc\n  allowed: delta, parquet, csv"):
        write(spark, Simulation(), tmp_path, format="orc")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
