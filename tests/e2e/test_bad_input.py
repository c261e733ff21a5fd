"""Bad configuration, sources and disks: what stops a run, with which exit code and words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from committed_tables import assert_same, committed, heads, run_records
from project_builder import AS_OF, AS_OF_INSTANT, UNITS, TinyProject, make_project, purchases, user_name
from pyspark.sql import SparkSession

from abspark import runner
from abspark.cli import cli, invoke
from abspark.errors import AbsparkError
from abspark.storage import run_settings

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.usefixtures("spark")]

Fails = Callable[..., None]


@pytest.fixture
def tiny(tmp_path: Path) -> TinyProject:
    return make_project(tmp_path, "parquet")


@pytest.fixture
def fails(tiny: TinyProject, capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a command and look at its exit code and at what it says, in one screen on stderr."""

    def command(name: str, *more: str, code: int, match: str, env: str = "here") -> None:
        assert invoke(cli, tiny.command(name, *more, env=env)) == code
        output = capsys.readouterr()
        assert output.out == ""
        assert re.search(match, output.err), output.err
        assert "Traceback" not in output.err
        assert len(output.err.splitlines()) < 25

    return command


def test_weights_that_do_not_sum_to_one(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit("experiments/button.yaml", "weight: 0.5}]", "weight: 0.49}]")
    fails(
        "run",
        code=2,
        match=r"button.yaml:2: variants.*: the weights sum to 0\.99\n +allowed: weights that sum to 1",
    )


def test_end_before_start(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit("experiments/button.yaml", "end: 2026-03-11", "end: 2026-02-11")
    fails(
        "run",
        code=2,
        match=r"button.yaml:\d: end = 2026-02-11T00:00:00Z: is not after start\n +allowed: an instant",
    )


def test_metric_of_a_source_that_is_not_there(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit("metrics/tiny.yaml", "source: visits", "source: clicks")
    fails("run", code=2, match=r"tiny.yaml:4: metrics\[2\]\.source = clicks: there is no such event source\n"
          r" +allowed: purchases, visits")  # fmt: skip


def test_metric_that_names_no_source(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit("metrics/tiny.yaml", "source: visits, ", "")
    fails("run", code=2, match=r"tiny.yaml:4: metrics\[2\]\.source: .*(missing|required)")


def test_unknown_environment(fails: Fails) -> None:
    fails("run", env="moon", code=2, match=r"no environment moon|moon.*\n +allowed: here, own")


def test_unknown_experiment(fails: Fails) -> None:
    fails("run", "--experiment", "bottom", code=2, match=r"no experiment 'bottom'\n +allowed: banner, button")


def test_draft_alone(tiny: TinyProject, fails: Fails) -> None:
    for name in ("button", "banner"):
        tiny.edit(f"experiments/{name}.yaml", "status: running", "status: draft")
    fails(
        "run", code=2, match="no experiment to run\n +do: set status: running, or name one with --experiment"
    )


def test_results_of_an_experiment_before_any_run(fails: Fails) -> None:
    fails(
        "results",
        "--experiment",
        "button",
        code=2,
        match=r"no results of button yet: no run has committed any\n +allowed: experiments with results: none so far",
    )


def test_results_before_any_run(tiny: TinyProject, capsys: pytest.CaptureFixture[str]) -> None:
    for form, out, err in (
        ("table", "", "nothing to show yet: no run has committed a configured experiment; abspark run\n"),
        ("json", "[]\n", ""),
    ):
        assert invoke(cli, tiny.command("results", "--format", form)) == 0
        output = capsys.readouterr()
        assert (output.out, output.err) == (out, err)


@pytest.mark.parametrize("content", [None, ""], ids=["no-files", "empty-file"])
def test_log_without_content(tiny: TinyProject, fails: Fails, content: str | None) -> None:
    folder = tiny.root / "data" / "exposures"
    (folder / "part.csv").unlink()
    if content is not None:
        (folder / "part.csv").write_text(content)
    fails("run", code=3, match=f"error: source exposures: no files, or only empty ones, at {folder}\\.\n")


def test_log_that_is_not_there(tiny: TinyProject, fails: Fails) -> None:
    shutil.rmtree(tiny.root / "data" / "purchases")
    fails(
        "run",
        code=3,
        match=f"source purchases: no files, .*\n +allowed: {tiny.root / 'data'} has exposures, visits",
    )


def test_delta_table_that_is_none(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit(
        "sources/logs.yaml",
        "format: csv\n    path: data/exposures",
        "format: delta\n    path: data/exposures",
    )
    fails(
        "run",
        code=3,
        match=r"source exposures: .*/data/exposures is no Delta table\.\n +allowed: .* has part\.csv",
    )


def test_catalog_table_that_is_not_there(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit(
        "sources/logs.yaml",
        "format: csv\n    path: data/exposures",
        "format: table\n    table: default.nowhere",
    )
    fails(
        "run",
        code=3,
        match=r"source exposures: there is no table default\.nowhere\.\n +allowed: schema default has",
    )


def test_columns_that_are_not_there(tiny: TinyProject, fails: Fails) -> None:
    tiny.edit(
        "sources/logs.yaml", "unit: user, variant: variant, time: ts", "unit: usr, variant: arm, time: ts"
    )
    fails(
        "run",
        code=3,
        match=r"source exposures names 2 columns that are not there:\n +columns\.unit: usr \(did you mean user\?\)\n"
        r" +columns\.variant: arm\n +allowed: experiment, user, variant, ts, id, platform\n",
    )


def test_floating_point_ids(tiny: TinyProject, fails: Fails) -> None:
    logged = purchases()
    tiny.write_parquet(
        "purchases", logged | {"user": [float(number) for number in range(len(logged["user"]))]}
    )
    fails(
        "run",
        code=3,
        match=r"source purchases: column user, the unit id, is double\n +allowed: string or integer",
    )


@pytest.mark.parametrize(
    ("file", "written", "instead", "match"),
    [
        ("metrics/tiny.yaml", "event = 'buy'", "size(event) > 1",
         r"source purchases: where of metric conversion = size\(event\) > 1: Cannot resolve .*\n"
         r" +allowed: what Spark can evaluate .*: unit string, time timestamp, event string, event_id string, "
         r"value double\n +do: change the expression"),
        ("metrics/tiny.yaml", "event = 'buy'", "event = 'buy' and event rlike '('",
         r"source purchases: where of metric conversion = event = 'buy' and event rlike '\(': The value of "
         r"parameter\(s\) `regexp` in `rlike` is invalid: '\('\.\n"),
        ("sources/logs.yaml", "    columns: {unit: user, time: ts, event",
         "    filter: size(event) = 1\n    columns: {unit: user, time: ts, event",
         r"source purchases: filter = size\(event\) = 1: Cannot resolve "),
        ("sources/logs.yaml", "event_id: id}\n  - name: visits",
         "event_id: id}\n    properties: {seen: {column: ts, type: 'map<string,string>'}}\n  - name: visits",
         r"source purchases: column ts is timestamp, declared as map<string,string>"),
    ],
)  # fmt: skip
def test_types_are_checked_before_a_log_is_read(
    tiny: TinyProject, fails: Fails, file: str, written: str, instead: str, match: str
) -> None:
    tiny.edit(file, written, instead)
    fails("run", "--as-of", AS_OF, code=3, match=match)


def test_an_expression_of_wrong_type_stops_only_the_experiments_that_use_it(
    tiny: TinyProject, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.edit("metrics/tiny.yaml", "source: purchases, value: value", "source: purchases, value: size(event)")
    assert invoke(cli, tiny.command("run", "--as-of", AS_OF)) == 1
    told = capsys.readouterr().err
    assert (
        "some experiments failed, the others are committed:\nbutton: source purchases: value of metric revenue"
        in told
    )
    assert list(heads(SparkSession.active(), tiny.load())) == ["banner"]


def test_keys_that_differ_in_case_stop_only_the_experiments_that_read_them(
    tiny: TinyProject, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tiny.root / "data" / "visits"
    for file in folder.iterdir():
        file.unlink()
    (folder / "log.json").write_text(
        '{"user": "u1", "ts": "2026-03-02T00:00:00Z"}\n{"User": "u2", "ts": null}\n'
    )
    tiny.edit(
        "sources/logs.yaml", "format: csv\n    path: data/visits", "format: json\n    path: data/visits"
    )
    assert invoke(cli, tiny.command("run", "--as-of", AS_OF)) == 1
    told = capsys.readouterr().err
    assert "banner: source visits: The column `user` already exists." in told
    assert "a row names it twice, also within an object or by names that differ in case alone" in told
    assert list(heads(SparkSession.active(), tiny.load())) == ["button"]


def test_rows_that_cannot_be_decoded_meet_no_condition_and_stop_nothing(tiny: TinyProject) -> None:
    """A unit converts by the third of its purchases: the first is before its exposure. No such unit is left out."""
    logged = purchases()
    kinds = [f"{kind}%" if i % 4 == 1 else f"{kind}%21" for i, kind in enumerate(logged["kind"])]
    tiny.write_parquet("purchases", logged | {"kind": kinds})
    tiny.edit("metrics/tiny.yaml", "event = 'buy'", "url_decode(event) = 'buy!'")
    assert invoke(cli, tiny.command("run", "--as-of", AS_OF)) == 0
    converted = {
        user
        for user, kind, event_id in zip(logged["user"], kinds, logged["id"], strict=True)
        if kind == "buy%21" and event_id.endswith("-2") and user < user_name(UNITS)
    }
    rows = committed(SparkSession.active(), tiny.load(), ["button"], ["moments"])["moments"]
    everyone = [row for row in rows if row["metric"] == "conversion" and row["segment_name"] is None]
    last = max(row["day"] for row in everyone)
    found = sum(row["n"] * row["mean_num"] for row in everyone if row["day"] == last)
    assert found == pytest.approx(len(converted))
    assert 0 < len(converted) < UNITS / 4


@pytest.mark.parametrize("damage", ["end", "inside"])
def test_corrupt_parquet_file(tiny: TinyProject, fails: Fails, damage: str) -> None:
    """The end of a file holds its schema; damage before it shows only when rows are read."""
    folder = tiny.root / "data" / "purchases"
    whole = (folder / "part.parquet").read_bytes()
    broken = whole[: len(whole) // 2] if damage == "end" else whole[:4] + b"\xff" * 400 + whole[404:]
    (folder / "part.parquet").write_bytes(broken)
    fails("run", "--as-of", AS_OF, code=3, match=r"error: source purchases: cannot read \S*part\.parquet: .+\n"
          r" +do: write the file again, or take it out of the source's path")  # fmt: skip
    assert [row["status"] for row in run_records(SparkSession.active(), tiny.load())] == ["failed"]


@pytest.mark.parametrize("lake_format", ["delta", "parquet"])
def test_lake_below_a_file(tiny: TinyProject, fails: Fails, lake_format: str) -> None:
    (tiny.root / "file").write_text("")
    tiny.edit(
        "environments/here.yaml",
        "{path: ./lake, format: parquet}",
        f"{{path: file/lake, format: {lake_format}}}",
    )
    place = tiny.root / "file"
    fails("run", code=1, match=f"error: the lake {place}/lake cannot be written: {place} is a file\\.\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MiB."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount the small disk that this test fills")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all room but some bytes."""
    room = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"\0" * (room.f_bavail * room.f_frsize - leave))
    return filler


@pytest.mark.long
def test_full_disk(spark: SparkSession, tiny: TinyProject, fails: Fails, small_disk: Path) -> None:
    tiny.edit("environments/here.yaml", "{path: ./lake, format: parquet}", f"{{path: {small_disk}/lake}}")
    run, project = tiny.command("run", "--as-of", AS_OF, "--quiet"), tiny.load()
    assert invoke(cli, run) == 0
    before, tables = heads(spark, project), committed(spark, project)
    filler = fill(small_disk, leave=64 * 1024)
    fails(
        "run",
        "--as-of",
        AS_OF,
        code=1,
        match=f"error: the lake {small_disk}/lake cannot be written: no space left",
    )
    assert heads(spark, project) == before
    assert_same(committed(spark, project), tables)
    filler.unlink()
    assert invoke(cli, run) == 0
    assert set(heads(spark, project).values()).isdisjoint(before.values())
    assert_same(committed(spark, project), tables)


def test_logs_that_spark_would_misread(spark: SparkSession, tiny: TinyProject) -> None:
    """Cents below amounts in fractions, and a folder that says another platform than its rows."""
    data = tiny.root / "data"

    def refused(why: str) -> None:
        state = runner.begin(spark, tiny.load(), as_of=AS_OF_INSTANT)
        with run_settings(spark), pytest.raises(AbsparkError, match=why):
            runner.pin_all(state)

    cents = pa.array([Decimal("24.97")] * len(purchases()["amount"]), pa.decimal128(9, 2))
    later = pa.table({**purchases(), "amount": cents})
    pq.write_table(later, data / "purchases" / "z.parquet", store_decimal_as_integer=True)
    refused("differ in the type of column amount")
    folder = data / "exposures" / "platform=none"
    folder.mkdir()
    (data / "exposures" / "part.csv").rename(folder / "part.csv")
    refused("platform=none hides the column platform")
