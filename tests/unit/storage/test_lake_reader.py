"""Lakes as their writers lay them out, read without Spark; that Spark reads the same is tested end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from abspark.config.environment import Lake
from abspark.errors import LakeError
from abspark.schemas import TABLES
from abspark.storage.lake_reader import LakeReader, delta_commits, open_reader

AT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
SWITCH = [{"experiment_id": "exp", "run_id": "r 2", "previous_run_id": "r1", "committed_at": AT}]
DECISIONS = [
    {"run_id": run, "experiment_id": "exp", "decision": run, "reasons": ["a", "b"]} for run in ("r1", "r 2")
]
ASSIGNED = [
    {"run_id": "r 2", "experiment_id": experiment, "variant": variant, "first_exposure_at": at}
    for experiment, variant, at in (
        ("exp", "b", AT), ("exp", "a", AT), ("exp", "a", AT), ("exp", "a", AT.replace(day=2)), ("other", "a", AT),
    )
]  # fmt: skip


def config(path: Path, form: str) -> Lake:
    return Lake.model_validate({"path": str(path), "format": form})


def write(root: Path, form: str, table: str, rows: list[dict[str, Any]]) -> None:
    if form == "delta":
        partition = ["run_id"] if table not in ("commits", "runs") else None
        added = {"mode": "append", "schema_mode": "merge", "partition_by": partition}
        write_deltalake(root / table, pa.Table.from_pylist(rows), **added)
    elif table == "commits":
        root.mkdir(parents=True, exist_ok=True)
        plain = {
            row["experiment_id"]: row | {"committed_at": row["committed_at"].isoformat()} for row in rows
        }
        for row in plain.values():
            del row["experiment_id"]
        (root / "commits.json").write_text(json.dumps(plain))
    else:
        for run in {row["run_id"] for row in rows}:
            folder = root / table / f"run_id={run}"
            folder.mkdir(parents=True)
            mine = [{k: v for k, v in row.items() if k != "run_id"} for row in rows if row["run_id"] == run]
            pq.write_table(pa.Table.from_pylist(mine), folder / "part-0.parquet")


@pytest.fixture(params=["delta", "parquet"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> LakeReader:
    root = tmp_path / "lake"
    for table, rows in (("commits", SWITCH), ("decisions", DECISIONS), ("assignments", ASSIGNED)):
        write(root, request.param, table, rows)
    found = open_reader(config(root, request.param))
    assert found is not None
    return found


def test_commits(reader: LakeReader) -> None:
    assert reader.commits() == SWITCH


def test_rows_of_some_runs_with_all_columns(reader: LakeReader) -> None:
    assert reader.rows("decisions", ["r 2", "gone"]) == [DECISIONS[1]]
    assert len(reader.rows("decisions", None)) == 2
    assert tuple(reader.rows("assignments", ["r 2"])[0]) == TABLES["assignments"].names
    assert reader.rows("decisions", ["r1", "r 2"], ["other"]) == []
    assert reader.rows("decisions", None, ["exp"]) == reader.rows("decisions", None)
    assert [row["variant"] for row in reader.rows("assignments", ["r 2"], ["other", "gone"])] == ["a"]


@pytest.mark.parametrize("form", ["delta", "parquet"])
def test_runs_of_an_older_version_lack_columns_that_newer_ones_have(tmp_path: Path, form: str) -> None:
    costs = [{"stage": "moments", "seconds": 1.0, "cpu_seconds": None}]
    write(tmp_path, form, "runs", [{"run_id": "20260101", "status": "committed"}])
    write(tmp_path, form, "runs", [{"run_id": "20260102", "status": "committed", "costs": costs}])
    found = open_reader(config(tmp_path, form))
    assert found is not None
    assert {row["run_id"]: row["costs"] for row in found.rows("runs", None)} == {
        "20260101": None,
        "20260102": costs,
    }


def test_a_table_that_is_not_there_is_empty(reader: LakeReader) -> None:
    assert reader.rows("results", None) == []
    assert open_reader(config(Path("/nowhere"), "delta")) is not None


def test_a_lost_table_of_a_committed_run_is_told(reader: LakeReader) -> None:
    with pytest.raises(
        LakeError, match="cannot be read: results: run r 2 is committed, but its table is not there"
    ):
        reader.rows("results", ["r 2"])
    assert reader.rows("quantiles", ["r 2"]) == []


def test_files_of_other_runs_may_go_while_a_parquet_lake_is_read(tmp_path: Path) -> None:
    write(tmp_path, "parquet", "assignments", ASSIGNED)
    listed_but_gone = tmp_path / "assignments" / "run_id=r9" / "part-0.parquet"
    listed_but_gone.parent.mkdir()
    listed_but_gone.symlink_to(tmp_path / "pruned")
    found = open_reader(config(tmp_path, "parquet"))
    assert found is not None
    assert len(found.rows("assignments", ["r 2"])) == len(ASSIGNED)
    assert len(found.first_exposures("r 2", "exp")) == 3


@pytest.mark.parametrize("form", ["delta", "parquet"])
def test_a_lake_that_lost_its_commits_is_not_taken_for_new(tmp_path: Path, form: str) -> None:
    found = open_reader(config(tmp_path, form))
    assert found is not None
    assert found.commits() == []
    write(
        tmp_path,
        form,
        "runs",
        [{"run_id": "20260101", "experiments": {"a": "failed: no", "b": "failed: no"}}],
    )
    assert found.commits() == []
    write(tmp_path, form, "runs", [{"run_id": "20260102", "experiments": {"a": "failed", "b": "committed"}}])
    with pytest.raises(LakeError, match=r"is not whole: run 20260102 is on record as committed, but commits"):
        found.commits()
    write(tmp_path, form, "commits", SWITCH)
    assert found.commits() == SWITCH


def test_a_lost_file_of_assignments_is_told(tmp_path: Path) -> None:
    write(tmp_path, "delta", "assignments", ASSIGNED)
    reader = open_reader(config(tmp_path, "delta"))
    assert reader is not None
    for file in tmp_path.glob("assignments/**/*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match="cannot be read: assignments: "):
        reader.first_exposures("r 2", "exp")


def test_no_runs_have_no_rows(reader: LakeReader) -> None:
    assert reader.rows("decisions", []) == []


def _truncated(table: Path) -> None:
    for file in table.rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:20])


def _no_log(table: Path) -> None:
    for file in (table / "_delta_log").glob("*.json"):
        file.unlink()


def _no_json(table: Path) -> None:
    for file in (table / "_delta_log").glob("*.json"):
        file.write_text("{oops")


@pytest.mark.parametrize("damage", [_truncated, _no_log, _no_json])
def test_a_damaged_table_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    write(tmp_path, "delta", "decisions", DECISIONS)
    damage(tmp_path / "decisions")
    reader = open_reader(config(tmp_path, "delta"))
    assert reader is not None
    with pytest.raises(
        LakeError, match=r"cannot be read: decisions: .*\n  do: a file was removed or damaged"
    ):
        reader.rows("decisions", ["r1"])


def test_units_are_counted_by_variant_and_day(reader: LakeReader) -> None:
    assert reader.first_exposures("r 2", "exp") == [
        {"variant": "a", "day": date(2026, 3, 1), "units": 2},
        {"variant": "b", "day": date(2026, 3, 1), "units": 1},
        {"variant": "a", "day": date(2026, 3, 2), "units": 1},
    ]


def test_a_broken_switch_is_told(tmp_path: Path) -> None:
    (tmp_path / "commits.json").write_text("{")
    broken = open_reader(config(tmp_path, "parquet"))
    assert broken is not None
    with pytest.raises(LakeError, match=r"cannot be read: commits"):
        broken.commits()


@pytest.mark.parametrize(
    "given",
    [
        {"catalog": "main", "schema": "exp"},
        {"path": "s3://bucket/lake"},
        {"path": "dbfs:/lake"},
        {"path": "hdfs:/lake"},
    ],
)
def test_what_only_spark_reads(given: dict[str, str]) -> None:
    assert open_reader(Lake.model_validate(given)) is None


def test_features_that_delta_rs_lacks_are_left_to_spark(tmp_path: Path) -> None:
    DeltaTable.create(
        tmp_path / "results",
        pa.schema([("run_id", pa.string())]),
        configuration={"delta.enableDeletionVectors": "true"},
    )
    assert open_reader(config(tmp_path, "delta")) is None


def test_columns_that_files_call_otherwise_are_left_to_spark(tmp_path: Path) -> None:
    """A table that a session with column mapping by default made: of protocol 2 and 5, without reader features."""
    write(tmp_path, "delta", "commits", SWITCH)
    assert delta_commits(str(tmp_path)) == SWITCH
    log = tmp_path / "commits" / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in action:
            action["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
            action["metaData"]["schemaString"] = _with_other_names(action["metaData"]["schemaString"])
    log.write_text("\n".join(map(json.dumps, actions)))
    assert delta_commits(str(tmp_path)) is None
    assert open_reader(config(tmp_path, "delta")) is None


def _with_other_names(schema: str) -> str:
    """The schema with the names that the files have for its columns."""
    found = json.loads(schema)
    for number, field in enumerate(found["fields"]):
        field["metadata"] = {
            "delta.columnMapping.id": number,
            "delta.columnMapping.physicalName": f"col-{number}",
        }
    return json.dumps(found)


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    write(tmp_path / "lake", "delta", "commits", SWITCH)
    found = open_reader(Lake.model_validate({"path": (tmp_path / "lake").as_uri()}))
    assert found is not None
    assert found.commits() == SWITCH


def test_arrow_reads_files_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system written in Python, as delta-rs's is, aborts one process in four that ends right after reading."""
    write(tmp_path, "delta", "commits", SWITCH)
    asked = []
    dataset_of = DeltaTable.to_pyarrow_dataset

    def opened(table: DeltaTable, **given: Any) -> Any:
        dataset = dataset_of(table, **given)
        asked.append(dataset.filesystem)
        return dataset

    monkeypatch.setattr(DeltaTable, "to_pyarrow_dataset", opened)
    found = open_reader(config(tmp_path, "delta"))
    assert found is not None
    assert len(found.commits()) == len(SWITCH)
    assert isinstance(asked[-1], SubTreeFileSystem)
    assert isinstance(asked[-1].base_fs, LocalFileSystem)
