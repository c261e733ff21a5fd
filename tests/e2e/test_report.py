"""Reports of a run's lake: read without Spark they are what Spark reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from committed_tables import COMMITTED
from page_reader import Page, agrees
from pyspark.sql import SparkSession

from abspark import command_tables, queries
from abspark.cli import cli, invoke
from abspark.command_tables import LakeTables, open_tables
from abspark.storage import run_settings

if TYPE_CHECKING:
    from project_builder import Undisturbed

pytestmark = [pytest.mark.spark, pytest.mark.e2e]


@pytest.fixture
def without_spark(undisturbed: Undisturbed) -> Iterator[LakeTables]:
    with open_tables(undisturbed.project.load()) as tables:
        assert type(tables).__name__ == "_WithoutSpark"
        yield tables


def by_text(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items(), key=lambda item: item[0])) for row in rows)


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with times as text, as two readers name UTC differently."""
    return [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in rows
    ]


@pytest.mark.parametrize("table", [*COMMITTED, "decisions", "looks"])
def test_rows_are_those_that_spark_reads(
    spark: SparkSession, undisturbed: Undisturbed, without_spark: LakeTables, table: str
) -> None:
    with run_settings(spark):
        expected = queries.rows(spark, undisturbed.project.load(), table)
    found = without_spark.rows(table, ["banner", "button"])
    assert by_text(told(found)) == by_text(told(expected))
    assert without_spark.rows(table, ["button"]) == [
        row for row in found if row["experiment_id"] in ("button", "*")
    ]
    assert without_spark.rows(table, []) == []


def test_runs_and_exposures_are_those_that_spark_reads(
    undisturbed: Undisturbed, without_spark: LakeTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abspark.storage.lake_reader.open_reader", lambda _: None)
    with open_tables(undisturbed.project.load()) as with_spark:
        assert type(with_spark).__name__ == "_WithSpark"
        assert told(without_spark.runs()) == told(with_spark.runs())
        assert by_text(without_spark.first_exposures("button")) == by_text(
            with_spark.first_exposures("button")
        )
        assert without_spark.commits().keys() == with_spark.commits().keys() == {"banner", "button"}


def test_what_is_not_configured_is_left_out_unless_it_is_named(
    spark: SparkSession, undisturbed: Undisturbed, without_spark: LakeTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the lake; the project here knows one of the two experiments that it has."""
    project = undisturbed.project.load()
    one = replace(project, experiments={"button": project.experiments["button"]})

    def of(rows: list[dict[str, Any]]) -> set[str]:
        return {row["experiment_id"] for row in rows}

    with run_settings(spark):
        assert of(queries.rows(spark, one, "results")) == {"button"}
        assert of(queries.rows(spark, one, "results", experiments=["banner"])) == {"banner"}
    monkeypatch.setattr("abspark.storage.lake_reader.open_reader", lambda _: None)
    with open_tables(one) as with_spark:
        for tables in (without_spark, with_spark):
            assert tables.commits().keys() == {"banner", "button"}
            assert of(tables.rows("results", ["button"])) == {"button"}
            assert of(tables.rows("results", ["banner"])) == {"banner"}
            assert tables.rows("results", []) == []


def test_the_report_of_a_run(
    undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("no Spark is needed")

    monkeypatch.setattr(command_tables, "session", refused)
    command = undisturbed.project.command("report", "--all", "--out", str(tmp_path), "--png")
    assert invoke(cli, command) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"index.html", "button.html", "button-scorecard.png"}
    page = Page((tmp_path / "button.html").read_text(encoding="utf-8"))
    with open_tables(undisturbed.project.load()) as tables:
        everyone = [
            r for r in tables.rows("results", ["button"]) if r["segment_name"] is None and r["headline"]
        ]
    row = max(everyone, key=lambda r: r["day"])
    shown = next(line for line in page.rows("scorecard-table") if line["metric"] == row["metric"])
    assert agrees(shown["relative_effect"], row["relative_effect"])
    assert agrees(shown["p_value"], row["p_value"])
    assert undisturbed.run_id in page.text


def test_one_experiment_or_all(undisturbed: Undisturbed, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(cli, undisturbed.project.command("report")) == 2
    assert "name one experiment with --experiment, or take --all" in capsys.readouterr().err
    assert invoke(cli, undisturbed.project.command("report", "--experiment", "gone")) == 2
    assert "there is no experiment 'gone'" in capsys.readouterr().err
