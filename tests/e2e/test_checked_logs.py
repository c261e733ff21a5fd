"""Logs with a bot, ingestion times, a bucketing id, a list of forced units and a dimension, through a whole run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from committed_tables import Tables, committed
from project_builder import (
    AS_OF_INSTANT,
    EXPOSURE_COLUMNS,
    START,
    make_project,
    text_of,
    user_name,
    variant_of,
)
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

UNITS = 40
BOT, FORCED, UNKNOWN, MOVED = (user_name(number) for number in range(4))
_FORCED_SOURCE = """
  - name: forced
    format: csv
    path: data/forced
    fixed_time: 2026-03-01T00:00:00Z
    columns: {unit: user, variant: variant}
events:
"""
_PEOPLE = """\
dimensions:
  - name: people
    format: csv
    path: data/people
    columns: {unit: user}
    attributes: [country]
"""


def account(number: int) -> str:
    return f"account-{number // 2}"


def exposures() -> list[tuple[str, ...]]:
    """In `button` the account is hashed, in `banner` the user. One user is forced, one has no account."""
    rows = []
    for number in range(UNITS):
        at, user = text_of(START + timedelta(hours=number)), user_name(number)
        hashed = variant_of("button", account(number))
        given = {"control": "treatment", "treatment": "control"}[hashed] if user == FORCED else hashed
        known = "" if user == UNKNOWN else account(number)
        rows.append(("button", user, given, at, f"e{number}", known))
        rows.append(("banner", user, variant_of("banner", user), at, f"e{number}", known))
    return rows


def purchases() -> dict[str, Any]:
    """Each user buys once, the bot five times; everything arrives an hour later, one event a day before it was."""
    rows = [(user_name(n), START + timedelta(hours=n + 1)) for n in (*range(UNITS), 0, 0, 0, 0)]
    late = [at + timedelta(hours=1) for _, at in rows]
    late[7] -= timedelta(days=1)
    zone = pa.timestamp("us", tz="UTC")
    return {
        "user": [user for user, _ in rows],
        "ts": pa.array([at for _, at in rows], zone),
        "seen": pa.array(late, zone),
        "kind": ["buy"] * len(rows),
        "amount": [1.0] * len(rows),
        "id": [f"p{i}" for i in range(len(rows))],
    }


def people() -> list[tuple[str, str]]:
    """Everybody's country, and two of the one who moved."""
    return [*((user_name(number), "DE") for number in range(UNITS)), (MOVED, "AT")]


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    tiny = make_project(tmp_path_factory.mktemp("checked"), "parquet")
    tiny.edit("sources/logs.yaml", "event_id: id}\n  - name: visits", "event_id: id, ingested: seen}\n"
              "    bots: {limit: 4, drop: true}\n    copies_within: 2h\n  - name: visits")  # fmt: skip
    tiny.edit(
        "sources/logs.yaml",
        "attributes: [platform]",
        "attributes: {platform: platform, account: platform}\n    dimensions: [people]",
    )
    tiny.edit("sources/logs.yaml", "\nevents:\n", _FORCED_SOURCE)
    (tiny.conf / "sources" / "people.yaml").write_text(_PEOPLE)
    tiny.edit(
        "experiments/button.yaml", "salt: tiny}", "salt: tiny, unit: account, overrides: {source: forced}}"
    )
    forced = next(row[2] for row in exposures() if row[:2] == ("button", FORCED))
    tiny.write_csv("exposures", exposures(), EXPOSURE_COLUMNS)
    tiny.write_csv("forced", [(FORCED, forced), ("nobody", "treatment")], ("user", "variant"))
    tiny.write_csv("people", people(), ("user", "country"))
    tiny.write_parquet("purchases", purchases())
    project = tiny.load()
    runner.run(spark, project, as_of=AS_OF_INSTANT)
    return committed(spark, project)


def test_the_bot_is_left_out_of_everything(tables: Tables) -> None:
    drops = {
        (row["experiment_id"], row["stage"], row["source"]): (row["rows"], row["units"])
        for row in tables["drops"]
        if row["reason"] == "bot"
    }
    assert drops == {
        ("button", "exposures", "exposures"): (1, 1),
        ("banner", "exposures", "exposures"): (1, 1),
        ("*", "events", "purchases"): (5, None),
    }
    assert all(row["unit_id"] != BOT for row in tables["assignments"])


def test_statuses_by_account_and_by_list(tables: Tables) -> None:
    found = {(row["experiment_id"], row["unit_id"]): row["hash_status"] for row in tables["assignments"]}
    assert found.pop(("button", FORCED)) == "override"
    assert found.pop(("button", UNKNOWN)) == "not_derivable"
    assert set(found.values()) == {"match"}
    assert len(found) == 2 * (UNITS - 1) - 2


def test_a_unit_has_one_row_of_a_dimension_and_the_others_are_counted(tables: Tables) -> None:
    countries = {row["unit_id"]: row["attributes"][-1] for row in tables["assignments"]}
    assert countries.pop(MOVED) == "AT", "the first by its attributes"
    assert set(countries.values()) == {"DE"}
    [drop] = [row for row in tables["drops"] if row["stage"] == "dimensions"]
    assert drop == {
        "experiment_id": "*", "stage": "dimensions", "source": "people", "reason": "repeated_dimension",
        "variant": None, "rows": 1, "units": 1,
    }  # fmt: skip


def test_what_the_checks_say(tables: Tables) -> None:
    said = {
        (row["check"], row["slice_value"]): (row["status"], row["observed"])
        for row in tables["health"]
        if row["experiment_id"] == "button"
    }
    assert said["bots", None][0] == "fail"
    assert said["clock", "purchases"] == ("fail", "1 of 44 rows (2.27%)")
    assert said["clock", "exposures"][0] == "skipped"
    assert said["late_rows", "exposures"][0] == "skipped"
    assert said["late_rows", "purchases"][1].startswith("of the rows arrive: 50% within 3 h")
    assert said["exposures_outside_interval", None] == ("pass", "0 of 40 exposures (0%)")
    assert said["distant_copies", "purchases"] == ("pass", "0 of 39 events compared (0%)")
    assert said["hash", None] == ("pass", "match 37, not_derivable 1, override 1")
