"""Bad rows in the logs: none stops a run, each is counted under its reason, and the others give the right numbers."""

from __future__ import annotations

import io
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from committed_tables import Rows, Tables, committed
from project_builder import (
    AS_OF,
    START,
    TinyProject,
    exposed_at,
    make_project,
    text_of,
    user_name,
    variant_of,
)
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.cli import cli, invoke
from abspark.storage import run_settings

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

BUYER = user_name(0)
STRANGE_IDS = (
    "usér-ñ",
    "用户 42",
    "🙂",
    "cafe\u0301",
    "caf\u00e9",
    " ",
    "'; DROP TABLE--",
    'a,b\n"c"',
    "x" * 4096,
)
BAD_TIMES = ("yesterday", "2026-13-01T00:00:00Z", "12:30", "", None)
AMOUNTS = {
    "inf": None,
    "-Infinity": None,
    "NaN": None,
    "1e400": None,
    "1.797e308": None,
    "-1e150": None,
    "abc": None,
    "": None,
    "3": 3.0,
    "-5.5": -5.5,
}
"""A value as logged, and what it adds; None where it adds nothing: 1e400 is beyond a double, squares may be."""

_QUIET = """
  - name: quiet_exposures
    format: csv
    path: data/quiet
    columns: {unit: user, variant: variant, time: ts}
events:
"""
_EXPERIMENT = """\
id: {id}
variants: [{{key: control, weight: 0.5}}, {{key: treatment, weight: 0.5}}]
control: control
start: 2026-03-01T00:00:00Z
end: 2026-03-11T00:00:00Z
exposures: {source}
metrics: {{primary: [{metric}]}}
"""


class Dirty(NamedTuple):
    tables: Tables
    told: str

    def of(self, table: str, experiment: str) -> Rows:
        """Rows of the experiment, of its last day where there are days."""
        mine = [row for row in self.tables[table] if row["experiment_id"] == experiment]
        days = [row["day"] for row in mine if "day" in row]
        return [row for row in mine if not days or row["day"] == max(days)]

    def dropped(self, stage: str, experiment: str, source: str) -> Counter[str]:
        """Rows by reason."""
        found: Counter[str] = Counter()
        for row in self.of("drops", experiment):
            if (row["stage"], row["source"]) == (stage, source):
                found[row["reason"]] += row["rows"]
        return found

    def check(self, experiment: str, name: str) -> dict[str, Any]:
        [row] = [row for row in self.of("health", experiment) if row["check"] == name]
        return row


def exposures() -> list[tuple[str | None, ...]]:
    """experiment, user, variant, ts."""
    at, users = text_of(START), [user_name(number) for number in range(30)]
    return [
        *(("button", user, variant_of("button", user), at) for user in (*users, *STRANGE_IDS)),
        ("button", "by-date", variant_of("button", "by-date"), "2026-03-02"),
        *(("button", user, "control", at) for user in (None, "", "")),
        *(("button", f"late-{number}", "control", time) for number, time in enumerate(BAD_TIMES)),
        *(
            ("button", f"other-{number}", key, at)
            for number, key in enumerate(("purple", "Control", "", None))
        ),
        ("button", "too-early", "control", "2026-02-28T23:59:59.999999Z"),
        ("button", "too-late", "control", "2026-03-11T00:00:00Z"),
        *(("lonely", user, "control", at) for user in users),
        ("of-somebody-else", "user-000", "control", at),
    ]


def events() -> list[tuple[str | None, datetime | None, str]]:
    """user, ts, amount: the buyer's purchases, and rows that nobody can use."""
    later = START + timedelta(hours=1)
    return [
        *((BUYER, later, amount) for amount in AMOUNTS),
        (None, later, "1"),
        ("", later, "1"),
        (BUYER, None, "1"),
        (BUYER, datetime(2026, 4, 1, tzinfo=UTC), "1"),
    ]


def make_dirty(root: Path) -> TinyProject:
    tiny = make_project(root, "parquet")
    tiny.edit(
        "sources/logs.yaml",
        "format: csv\n    path: data/exposures",
        "format: parquet\n    path: data/exposures",
    )
    tiny.edit("sources/logs.yaml", ", event_id: id}\n    attributes: [platform]", "}")
    tiny.edit("sources/logs.yaml", "value: amount, event_id: id", "value: amount")
    tiny.edit("sources/logs.yaml", "\nevents:\n", _QUIET)
    tiny.edit("experiments/button.yaml", "segments: [platform]\n", "")
    (tiny.conf / "experiments" / "banner.yaml").unlink()
    for name, source, metric in (
        ("ghost", "exposures", "conversion"), ("lonely", "exposures", "visit_count"),
        ("quiet", "quiet_exposures", "conversion"),
    ):  # fmt: skip
        text = _EXPERIMENT.format(id=name, source=source, metric=metric)
        (tiny.conf / "experiments" / f"{name}.yaml").write_text(text)
    rows = exposures()
    names = ("experiment", "user", "variant", "ts")
    tiny.write_parquet("exposures", {name: [row[i] for row in rows] for i, name in enumerate(names)})
    bought = events()
    times = pa.array([row[1] for row in bought], pa.timestamp("us", tz="UTC"))
    tiny.write_parquet(
        "purchases",
        {
            "user": [row[0] for row in bought],
            "ts": times,
            "kind": ["buy"] * len(bought),
            "amount": [row[2] for row in bought],
        },
    )
    at = text_of(START)
    tiny.write_csv("quiet", [("u1", "control"), ("u1", "control", at, at)], ("user", "variant", "ts"))
    tiny.write_csv("visits", [(BUYER, at, "1.5")], ("user", "ts"))
    return tiny


@pytest.fixture(scope="module")
def dirty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Dirty:
    """What one run over all of it commits, and what it says."""
    tiny, told = make_dirty(tmp_path_factory.mktemp("dirty")), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", told)
        code = invoke(cli, tiny.command("run", "--as-of", AS_OF))
    assert code == 0, told.getvalue()
    return Dirty(committed(spark, tiny.load()), told.getvalue())


def assert_nothing_known(dirty: Dirty, experiment: str) -> None:
    assert dirty.of("assignments", experiment) == []
    moments = dirty.of("moments", experiment)
    assert [(row["variant"], row["n"], row["mean_num"], row["var_num"]) for row in moments] == [
        ("control", 0, None, None),
        ("treatment", 0, None, None),
    ]
    [row] = dirty.of("results", experiment)
    assert {name: value for name, value in row.items() if name.startswith(("mean", "effect", "p_", "std"))} == (
        dict.fromkeys(
            (
                "mean_control", "mean_treatment", "mean_control_adjusted", "mean_treatment_adjusted",
                "effect", "effect_low", "effect_high", "p_value", "p_adjusted", "std_error",
            )
        )
    )  # fmt: skip
    assert (row["significant"], row["reason"]) == (None, "n_below_2")
    srm = dirty.check(experiment, "srm")
    assert (srm["status"], srm["message"]) == ("skipped", "No units by the variant of their first exposure.")


def test_log_without_rows(dirty: Dirty) -> None:
    assert "  quiet: no valid exposures in quiet_exposures: see abspark drops\n" in dirty.told
    assert_nothing_known(dirty, "quiet")


def test_experiment_without_exposures(dirty: Dirty) -> None:
    assert "  ghost: no valid exposures in exposures: see abspark drops\n" in dirty.told
    assert_nothing_known(dirty, "ghost")


def test_event_log_without_rows(dirty: Dirty) -> None:
    moments = {row["variant"]: row for row in dirty.of("moments", "lonely")}
    assert (moments["control"]["n"], moments["control"]["mean_num"], moments["control"]["n_complete"]) == (
        30,
        0.0,
        0,
    )
    [result] = dirty.of("results", "lonely")
    assert (result["p_value"], result["share_complete"]) == (None, 0.0)


def test_variant_nobody_saw(dirty: Dirty) -> None:
    moments = {row["variant"]: row["n"] for row in dirty.of("moments", "lonely")}
    assert moments == {"control": 30, "treatment": 0}
    srm = dirty.check("lonely", "srm")
    assert (srm["status"], srm["observed"], srm["expected"]) == (
        "fail", "control 30, treatment 0", "control 15, treatment 15",
    )  # fmt: skip
    [result] = dirty.of("results", "lonely")
    assert (result["n_treatment"], result["mean_treatment"], result["reason"]) == (0, None, "n_below_2")


def test_every_bad_exposure_has_its_reason(dirty: Dirty) -> None:
    """Null and empty ids 3, unparsable times 5, unknown variants 4, outside the interval 2."""
    assert dirty.dropped("exposures", "button", "exposures") == {
        "null_id": 3, "bad_time": len(BAD_TIMES), "unknown_variant": 4, "outside_interval": 2,
    }  # fmt: skip
    assert dirty.dropped("exposures", "*", "exposures") == {"other_experiment": 1}
    assert len(dirty.of("assignments", "button")) == 30 + len(STRANGE_IDS) + 1


@pytest.mark.parametrize("user", STRANGE_IDS, ids=lambda user: ascii(user[:16]))
def test_strange_ids_stay_as_logged_and_hash_as_defined(dirty: Dirty, user: str) -> None:
    [row] = [row for row in dirty.of("assignments", "button") if row["unit_id"] == user]
    assert (row["hash_status"], row["variant"]) == ("match", variant_of("button", user))


def test_a_date_means_its_midnight(dirty: Dirty) -> None:
    [row] = [row for row in dirty.of("assignments", "button") if row["unit_id"] == "by-date"]
    assert row["first_exposure_at"] == datetime(2026, 3, 2, tzinfo=UTC)


def test_every_bad_event_has_its_reason(dirty: Dirty) -> None:
    assert dirty.dropped("events", "*", "purchases") == {"null_id": 2, "bad_time": 1, "after_as_of": 1}
    assert dirty.dropped("values", "*", "revenue") == {
        "bad_value": sum(value is None for value in AMOUNTS.values())
    }


def test_lines_with_other_fields_than_the_header_are_no_rows(dirty: Dirty) -> None:
    assert dirty.dropped("exposures", "quiet", "quiet_exposures") == {"null_id": 2}
    assert dirty.dropped("events", "*", "visits") == {"null_id": 1}


def test_values_that_are_none_add_nothing_and_negative_ones_count(dirty: Dirty) -> None:
    """The buyer's revenue is 3 - 5.5; each of its purchases is one all the same."""
    mine, n = (
        variant_of("button", BUYER),
        Counter(row["variant"] for row in dirty.of("assignments", "button")),
    )
    means = {(row["metric"], row["variant"]): row["mean_num"] for row in dirty.of("moments", "button")}
    assert means["revenue", mine] == pytest.approx((3.0 - 5.5) / n[mine], rel=1e-12)
    assert means["conversion", mine] == pytest.approx(1 / n[mine], rel=1e-12)
    assert sum(means.values()) == pytest.approx(-1.5 / n[mine], rel=1e-12)


@pytest.mark.long
def test_one_unit_with_a_million_events(spark: SparkSession, tmp_path: Path) -> None:
    """An event a second from its exposure on: those of seven days, 604,800, count."""
    tiny = make_project(tmp_path, "parquet")
    tiny.edit(
        "metrics/tiny.yaml", "kind: mean, source: purchases, value: value", "kind: count, source: purchases"
    )
    user, first = user_name(1), exposed_at(1)
    seconds = int(first.timestamp())
    rows = spark.range(0, 1_000_000, 1, 2).select(
        F.lit(user).alias("user"),
        F.timestamp_seconds(F.col("id") + seconds).alias("ts"),
        F.lit("buy").alias("kind"),
        F.lit(1.0).alias("amount"),
        F.col("id").cast("string").alias("id"),
    )
    with run_settings(spark):
        rows.write.mode("overwrite").parquet(str(tiny.root / "data" / "purchases"))
    assert invoke(cli, tiny.command("run", "--as-of", AS_OF, "--experiment", "button", "--quiet")) == 0
    found = committed(spark, tiny.load())
    *_, moments = [
        row for row in sorted(found["moments"], key=lambda row: row["day"])
        if (row["metric"], row["variant"], row["segment_name"]) == ("revenue", variant_of("button", user), None)
    ]  # fmt: skip
    assert moments["mean_num"] * moments["n"] == pytest.approx(604_800, rel=1e-12)
    [outside] = [row["rows"] for row in found["drops"] if row["reason"] == "outside_windows"]
    assert outside == 1_000_000 - 604_800
