"""`abspark assign` over a small project; golden buckets of `s1:exp-1:user-0` and `user-1` are 3761 and 9878."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from abspark.command_assign import COLUMNS, command_assign
from abspark.config.starter import write_starter
from abspark.errors import UsageError

EXPERIMENT = """\
id: exp-1
variants: [{key: control, weight: 0.5}, {key: blue, weight: 0.5}]
control: control
start: 2026-10-01T00:00:00Z
end: 2026-10-15T00:00:00Z
exposures: web_exposures
assignment:
  scheme: sha256
  salt: s1
  history:
    - {from: 2026-10-01T00:00:00Z, traffic: 0.1}
    - {from: 2026-10-05T00:00:00Z}
metrics: {primary: [conversion]}
"""
HALVES = [
    {"start": 0, "end": 5000, "outcome": "control"},
    {"start": 5000, "end": 10_000, "outcome": "blue"},
]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    write_starter(tmp_path)
    (tmp_path / "conf" / "experiments" / "exp.yaml").write_text(EXPERIMENT)
    return tmp_path / "conf"


def run(conf: Path, *arguments: str, **given: Any) -> Result:
    full = ["--conf", str(conf), "--experiment", "exp-1", *arguments]
    return CliRunner().invoke(command_assign, full, catch_exceptions=False, **given)


def row(unit: str, bucket: int, variant: str) -> dict[str, Any]:
    return {
        "unit_id": unit, "scheme": "sha256", "hash_input": f"s1:exp-1:{unit}", "bucket": bucket,
        "boundaries": HALVES, "variant": variant, "status": "assigned", "reason": f"bucket {bucket} of the split",
    }  # fmt: skip


def test_rows_of_arguments_and_file(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "units").write_bytes(b"user-0\r\n\n x \n")
    rows = json.loads(run(conf, "--format", "json", "--file", str(tmp_path / "units"), "user-1").stdout)
    assert [each["unit_id"] for each in rows] == ["user-1", "user-0", " x "]
    assert rows[:2] == [row("user-1", 9878, "blue"), row("user-0", 3761, "control")]
    assert tuple(rows[0]) == COLUMNS


def test_a_file_may_begin_with_a_byte_order_mark_and_must_be_utf_8(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "units").write_bytes("user-1\n".encode("utf-8-sig"))
    assert json.loads(run(conf, "--format", "json", "--file", str(tmp_path / "units")).stdout) == [
        row("user-1", 9878, "blue")
    ]
    (tmp_path / "units").write_bytes("user-1\n".encode("utf-16"))
    with pytest.raises(UsageError, match="the file of units is not UTF-8: invalid start byte at byte 0"):
        run(conf, "--file", str(tmp_path / "units"))
    with pytest.raises(UsageError, match=r"unit 'us\\udce9r' is not UTF-8"):
        run(conf, "us\udce9r")


def test_units_may_come_from_stdin(conf: Path) -> None:
    found = run(conf, "--format", "json", "--file", "-", input="usér-ñ\n").stdout
    assert json.loads(found)[0]["hash_input"] == "s1:exp-1:usér-ñ"


def test_the_time_chooses_the_entry_of_history(conf: Path) -> None:
    early = json.loads(run(conf, "--format", "json", "--at", "2026-10-04T23:59:59Z", "user-1").stdout)[0]
    assert (early["variant"], early["status"]) == (None, "not_allocated")
    late = json.loads(run(conf, "--format", "json", "--at", "2026-10-05T00:00:00Z", "user-1").stdout)
    assert late == [row("user-1", 9878, "blue")]
    refused = run(conf, "--at", "2026-10-05", "user-1")
    assert refused.exit_code == 2
    assert "offset" in refused.stderr


def test_the_table_shows_every_column(conf: Path) -> None:
    shown = run(conf, "user-1", env={"COLUMNS": "250"}).stdout
    for text in (
        *COLUMNS,
        "s1:exp-1:user-1",
        "9878",
        "5,000 to below 10,000: blue",
        "bucket 9878 of the split",
    ):
        assert text in shown


def test_usage(conf: Path) -> None:
    with pytest.raises(UsageError, match="no unit was given"):
        run(conf)
    with pytest.raises(UsageError, match="no experiment 'nope'"):
        run(conf, "--experiment", "nope", "user-1")
    with pytest.raises(UsageError, match="empty text is no unit"):
        run(conf, "user-1", "")


def test_no_session_is_started(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyspark.sql

    monkeypatch.setattr(
        pyspark.sql.SparkSession.Builder, "getOrCreate", lambda _self: pytest.fail("a session")
    )
    assert run(conf, "user-1").exit_code == 0


def test_without_pyspark_the_advice_says_so(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abspark.command_assign.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="pyspark is not installed"):
        run(conf, "user-1")
