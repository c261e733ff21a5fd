"""The examples of docs/metrics.md are one project, and every metric in it has moments."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from doc_blocks import ROOT, blocks
from pyspark.sql import SparkSession

from abspark import load_project, rows, run
from abspark.config import Project

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

START = datetime(2026, 10, 1, tzinfo=UTC)
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
UNITS = 160
FOLDERS = {"exposures": "sources", "events": "sources", "metrics": "metrics", "id": "experiments"}
"""The first key of a block: the folder of conf that it belongs to."""


def write_conf(conf: Path) -> list[str]:
    """All YAML of the page as files below `conf`; the experiment gets every metric. Return the metrics' names."""
    found = [yaml.safe_load(block.text) for block in blocks(ROOT / "docs" / "metrics.md", "yaml")]
    names = [
        metric["name"] for content in found for metric in content.get("metrics", ()) if "id" not in content
    ]
    for number, content in enumerate(found):
        if content.get("id") == "checkout":
            stated = content["metrics"]
            told = [*stated["primary"], *(guardrail["metric"] for guardrail in stated["guardrails"])]
            stated["secondary"] = [name for name in names if name not in told]
        write(conf / FOLDERS[next(iter(content))] / f"{number}.yaml", content)
    write(conf / "environments" / "here.yaml", {"lake": {"path": "lake"}})
    return names


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def write_logs(folder: Path) -> None:
    """Logs in which every unit does something before and after its exposure."""
    folder.mkdir()
    with (folder / "exposures").open("w", newline="") as file:
        header = ("experiment", "user", "variant", "ts", "plan", "age")
        csv.writer(file).writerows([header, *exposures()])
    for name, events in (("web", web()), ("orders", orders())):
        pq.write_table(pa.Table.from_pylist(list(events)), folder / name)


def exposed_at(number: int) -> datetime:
    return START + timedelta(minutes=27 * number)


def exposures() -> Iterator[tuple[str, ...]]:
    for number in range(UNITS):
        variant, plan = ("control", "treatment")[number % 2], ("free", "paid")[number % 3 % 2]
        at = exposed_at(number).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield "checkout", f"user-{number}", variant, at, plan, str(20 + number % 40)


def web() -> Iterator[dict[str, Any]]:
    for number in range(UNITS):
        for turn in range(-3, 6):
            kind, page = (
                ("view", "click", "error")[(number + turn) % 3],
                ("home", "cart")[(number + turn) % 2],
            )
            yield {
                "user": f"user-{number}",
                "ts": exposed_at(number) + timedelta(hours=19 * turn + 1),
                "kind": kind,
                "id": f"w{number}/{turn}",
                "page": page,
                "session": f"s{number}/{turn // 2}",
                "load_ms": 200.0 + (number * 37 + turn * 101) % 700,
            }


def orders() -> Iterator[dict[str, Any]]:
    for number in range(UNITS):
        for turn in range(-1, number % 4):
            yield {
                "user": f"user-{number}",
                "ts": exposed_at(number) + timedelta(hours=30 * turn + 5),
                "amount": 3.5 + (number * 13 + turn * 7) % 50,
                "id": f"o{number}/{turn}",
                "quantity": 1 + number % 3,
                "refunded": number % 5 == 0,
            }


@pytest.fixture(scope="module")
def page(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[str]]:
    """The project of the page after one run, and the names of the metrics on it."""
    root = tmp_path_factory.mktemp("metrics_page")
    names = write_conf(root / "conf")
    write_logs(root / "data")
    project = load_project(root / "conf", "here")
    assert run(spark, project, as_of=AS_OF).experiments == {"checkout": "committed"}
    return project, names


def test_every_metric_has_units(spark: SparkSession, page: tuple[Project, list[str]]) -> None:
    project, names = page
    last: dict[str, dict[str, int]] = {}
    for row in rows(spark, project, "moments"):
        if row["segment_name"] is None:
            last.setdefault(row["metric"], {})[row["variant"]] = row["n"]
    steps = ["checkout_flow.viewed", "checkout_flow.clicked"]
    assert sorted(last) == sorted([*names, *steps])
    assert {name for name, units in last.items() if len(units) < 2 or min(units.values()) == 0} == set()


def test_quantiles_have_values(spark: SparkSession, page: tuple[Project, list[str]]) -> None:
    found = [row for row in rows(spark, page[0], "quantiles") if row["segment_name"] is None]
    assert {(row["metric"], row["q"]) for row in found} == {
        ("load_time_p95", 0.95),
        ("load_time_median", 0.5),
        ("revenue_p90", 0.9),
    }
    assert all(row["value"] > 0 for row in found)


def test_days_are_those_that_the_page_promises(spark: SparkSession, page: tuple[Project, list[str]]) -> None:
    """From the experiment's first day in Berlin to the day on which the longest window closes."""
    project, _ = page
    days: dict[str, set[Any]] = {}
    ages: dict[str, list[int]] = {}
    for row in rows(spark, project, "moments"):
        if row["exposure_day"] is None:
            days.setdefault(row["metric"], set()).add(row["day"])
        elif row["variant"] == "control":
            ages.setdefault(row["metric"], []).append(row["exposure_day"])
    assert str(min(days["conversion"])) == "2026-10-01"
    assert len(days["conversion"]) == len(days["revenue_capped"]) == len(days["day_3_retention"]) == 11
    assert len(days["pages_seen"]) == len(days["cheapest_order"]) == len(days["revenue_per_session"]) == 1
    assert ages["conversion"] == ages["revenue_capped"] == list(range(7))
    assert ages["day_3_retention"] == [3]
    assert {"pages_seen", "orders_in_campaign", "conversion_at_checkout", "placebo"} & ages.keys() == set()
    described = [row for row in rows(spark, project, "results") if row["exposure_day"] is not None]
    assert {row["metric"] for row in described} == ages.keys()
    with_interval = [row for row in described if row["effect_low"] is not None]
    assert {row["reason"] for row in with_interval} == {"descriptive"}
    assert {row["metric"] for row in with_interval} >= {"conversion", "revenue_capped"}


def test_lookbacks_that_reach_before_the_log_are_told(
    spark: SparkSession, page: tuple[Project, list[str]]
) -> None:
    """Logs begin two or three days before the first exposure; a lookback is of two weeks."""
    found = {
        row["slice_value"]: (row["status"], row["statistic"])
        for row in rows(spark, page[0], "health")
        if row["check"] == "covariate_history"
    }
    assert found == {"revenue_with_history": ("warn", 1.0), "revenue_by_visits": ("warn", 1.0)}


def test_the_page_has_every_kind() -> None:
    from typing import get_args

    from abspark.config.metric import Kind

    found = [yaml.safe_load(block.text) for block in blocks(ROOT / "docs" / "metrics.md", "yaml")]
    metrics = [metric for content in found if "id" not in content for metric in content.get("metrics", ())]
    assert {metric["kind"] for metric in metrics if "kind" in metric} == set(get_args(Kind))
