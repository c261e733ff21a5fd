"""Assignments counted for the health checks: whole frames, by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from abspark.config import Experiment
from abspark.local_frame import local_frame
from abspark.pipeline import profiles
from abspark.pipeline.history import units_without_history
from abspark.pipeline.profiles import assignment_profile, segment_profile
from abspark.pipeline.segments import (
    LABELS,
    frequent_values,
    segment_positions,
    segment_values,
    with_segments,
)
from abspark.pipeline.study import Study

pytestmark = pytest.mark.spark

START = datetime(2026, 10, 1, tzinfo=UTC)
CHANGE = START + timedelta(days=1, hours=12)
COLUMNS = (
    "experiment_id string, unit_id string, variant string, expected_variant string, hash_status string, "
    "excluded_reason string, bucket bigint, first_exposure_at timestamp, second_variant_at timestamp, "
    "attributes array<string>, unit_key_lo bigint, exposures bigint"
)
MICRO = timedelta(microseconds=1)


def experiment(name: str, *, segments: tuple[str, ...] = (), segment_values: int = 50) -> Experiment:
    history = [{"from": START.isoformat()}, {"from": CHANGE.isoformat(), "traffic": 0.5}]
    return Experiment.model_validate(
        {
            "id": name,
            "variants": [{"key": "a", "weight": 0.6}, {"key": "b", "weight": 0.4}],
            "control": "a",
            "start": START.isoformat(),
            "end": "2026-10-15T00:00:00Z",
            "exposures": "web",
            "metrics": {"primary": ["m"]},
            "segments": segments,
            "segment_values": segment_values,
            "assignment": {"scheme": "sha256", "salt": "s"}
            | ({"history": history} if name == "dated" else {}),
        }
    )


def unit(of: str, **given: Any) -> dict[str, Any]:
    return {
        "experiment_id": of, "unit_id": "u", "variant": "a", "expected_variant": "a", "hash_status": "match",
        "excluded_reason": None, "bucket": 17, "first_exposure_at": START, "second_variant_at": None,
        "attributes": ["x", "DE"], "unit_key_lo": 1, "exposures": 1, **given,
    }  # fmt: skip


def table(spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
    names = [column.split()[0] for column in COLUMNS.split(", ")]
    return local_frame(spark, [[row[name] for name in names] for row in rows], COLUMNS)


def micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // MICRO


@pytest.mark.parametrize("spelled_out", [0, 16], ids=["by a function", "spelled out"])
def test_assignments_are_counted_by_everything_a_check_needs(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, spelled_out: int
) -> None:
    monkeypatch.setattr(profiles, "_SPELLED_OUT", spelled_out)
    wrong = {"hash_status": "mismatch", "expected_variant": "b", "first_exposure_at": CHANGE}
    rows = [
        unit("dated", unit_key_lo=-32, exposures=3),
        unit("dated", first_exposure_at=START + timedelta(hours=23), second_variant_at=CHANGE),
        unit("dated", first_exposure_at=CHANGE - MICRO),
        unit("dated", **wrong, bucket=5999),
        unit("dated", **wrong, bucket=6000, excluded_reason="tied_variants"),
        unit("dated", **wrong, bucket=6001, unit_id="É"),
        unit(
            "flat", bucket=None, hash_status="not_derivable", expected_variant=None, first_exposure_at=CHANGE
        ),
        # where the buckets begin there is no variant on the other side
        unit("flat", bucket=0, first_exposure_at=CHANGE),
    ]
    frame = assignment_profile(table(spark, rows), [experiment("dated"), experiment("flat")])
    assert frame.columns == [
        "experiment_id", "period", "day", "variant", "expected_variant", "hash_status", "excluded_reason",
        "not_ascii", "capitals", "near", "n", "exposures", "repeating", "several", "sampled", "earliest", "latest",
    ]  # fmt: skip
    first, second = date(2026, 10, 1), date(2026, 10, 2)
    found = {tuple(row) for row in frame.collect()}
    one = (1, 1, 0, 0, 0, micros(CHANGE), micros(CHANGE))
    before = micros(CHANGE - MICRO)
    assert found == {
        (
            "dated",
            0,
            first,
            "a",
            "a",
            "match",
            None,
            False,
            False,
            False,
            2,
            4,
            1,
            1,
            1,
            micros(START),
            micros(START) + 82_800_000_000,
        ),
        ("dated", 0, second, "a", "a", "match", None, False, False, False, 1, 1, 0, 0, 0, before, before),
        ("dated", 1, second, "a", "b", "mismatch", None, False, False, True, *one),
        ("dated", 1, second, "a", "b", "mismatch", "tied_variants", False, False, True, *one),
        ("dated", 1, second, "a", "b", "mismatch", None, True, True, False, *one),
        ("flat", 0, second, "a", None, "not_derivable", None, False, False, False, *one),
        ("flat", 0, second, "a", "a", "match", None, False, False, False, *one),
    }


def test_segment_values_are_counted_by_variant(spark: SparkSession) -> None:
    rows = [
        *(unit("flat", variant=v, first_exposure_at=CHANGE) for v in ("a", "a", "b")),
        unit("flat", hash_status="not_allocated"),
        unit("flat", attributes=["x", None]),
        unit("flat", excluded_reason="multiple_variants", attributes=["x", "(missing)"]),
        unit("flat", excluded_reason="tied_variants"),
        unit("dated", first_exposure_at=CHANGE),
        unit("unsegmented"),
    ]
    experiments = [
        experiment("flat", segments=("country",)),
        experiment("dated", segments=("country", "kind")),
        experiment("unsegmented"),
    ]
    names = {e.id: e.segments for e in experiments}
    frame = segment_profile(table(spark, rows), experiments, {"web": ("kind", "country")}, names)
    assert frame.columns == [
        "experiment_id", "segment_name", "segment_value", "period", "variant", "wrong", "n",
    ]  # fmt: skip
    assert sorted(map(tuple, frame.collect())) == [
        ("dated", "country", "DE", 1, "a", False, 1),
        ("dated", "kind", "x", 1, "a", False, 1),
        ("flat", "country", "(missing)", 0, "a", False, 2),
        ("flat", "country", "DE", 0, "a", False, 2),
        ("flat", "country", "DE", 0, "a", True, 1),
        ("flat", "country", "DE", 0, "b", False, 1),
    ]


def test_rare_segment_values_are_pooled(spark: SparkSession) -> None:
    """Of 52 values the two rarest, by name the last, share a row; NULL takes no place."""
    values = [f"{i:02}" for i in range(52)]
    rows = [unit("flat", attributes=["x", value]) for value in [*values, *values[:50], None, None, None]]
    frame = segment_profile(
        table(spark, rows), [experiment("flat")], {"web": ("kind", "country")}, {"flat": ("country",)}
    )
    found = {row["segment_value"]: row["n"] for row in frame.collect()}
    assert found == {**dict.fromkeys(values[:50], 2), "(other)": 2, "(missing)": 3}


def test_a_value_that_is_spelled_like_a_label_counts_as_it(spark: SparkSession) -> None:
    """So that there is one row of moments for `(other)`, whatever an export calls its rare values."""
    values = ["(other)", "(other)", "(missing)", "(missing)", "b", "b", "c", None]
    rows = [unit("flat", attributes=["x", value]) for value in values]
    one = experiment("flat", segments=("country",), segment_values=1)
    frame = segment_profile(table(spark, rows), [one], {"web": ("kind", "country")}, {"flat": ("country",)})
    expected = {"b": 2, "(other)": 3, "(missing)": 3}
    assert {row["segment_value"]: row["n"] for row in frame.collect()} == expected
    study = Study((one,), (), (), CHANGE, {})
    positions = segment_positions(study, {"web": ("kind", "country")})
    kept = segment_values(frequent_values(table(spark, rows), positions, study).collect(), study)
    assert [value.value for value in kept] == ["b"]
    units = spark.createDataFrame([(0, ["x", value]) for value in values], "x int, attributes array<string>")
    codes = with_segments(units, positions, kept).groupBy("g").count().collect()
    assert {LABELS.get(row["g"], "b"): row["count"] for row in codes} == expected


def test_an_experiment_says_how_many_segment_values_are_kept(spark: SparkSession) -> None:
    rows = [unit(name, attributes=["x", value]) for name in ("flat", "dated") for value in "abbcc"]
    experiments = [experiment("flat", segment_values=1), experiment("dated", segment_values=2)]
    names = dict.fromkeys(("flat", "dated"), ("country",))
    frame = segment_profile(table(spark, rows), experiments, {"web": ("kind", "country")}, names)
    found = {(row["experiment_id"], row["segment_value"]): row["n"] for row in frame.collect()}
    assert found == {
        ("flat", "b"): 2, ("flat", "(other)"): 3,
        ("dated", "b"): 2, ("dated", "c"): 2, ("dated", "(other)"): 1,
    }  # fmt: skip


def test_analysed_units_that_were_first_exposed_before_a_limit_are_early(spark: SparkSession) -> None:
    """At the limit itself a unit's whole lookback is there."""
    at = (CHANGE - MICRO, CHANGE, CHANGE + timedelta(days=1))
    rows = [unit("flat", first_exposure_at=instant) for instant in at]
    rows += [
        unit("flat", first_exposure_at=CHANGE - timedelta(days=1), excluded_reason="multiple_variants"),
        unit("dated", first_exposure_at=CHANGE - timedelta(days=1)),
    ]
    study = Study((experiment("dated"), experiment("flat")), (), (), CHANGE)
    limits = {(1, 3): micros(CHANGE), (1, 4): micros(CHANGE) + 1}
    found = units_without_history(table(spark, rows), study, limits)
    assert found.columns == ["x", "m", "units", "early"]
    assert sorted(map(tuple, found.collect())) == [(1, 3, 3, 1), (1, 4, 3, 2)]
