"""Five ways in which an experiment breaks, a million units each: found at default settings, with the right diagnosis.

Recorded variants are what a faulty service would have given: derived by Spark from the same ids under its own rules.
Seeds are 1 .. k as they come, nothing is chosen by its outcome: ABSPARK_SEEDS=4,5 names others than 1, 2 and 3.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hash_cases import experiment
from pipeline_runs import as_in_a_run
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.analysis.health import health
from abspark.assignment.derive import derive
from abspark.config import Experiment
from abspark.pipeline.profiles import assignment_profile, segment_profile

pytestmark = [pytest.mark.statistical, pytest.mark.spark]

UNITS = 1_000_000
DAYS = 14
START = 1_790_812_800
"""2026-10-01T00:00:00Z, the experiments' start."""
SEEDS = tuple(int(seed) for seed in os.environ.get("ABSPARK_SEEDS", "1,2,3").split(","))
HALVES = [("control", 0.5), ("treatment", 0.5)]
TENTHS = [(f"v{i}", 0.1) for i in range(10)]
PATTERNS = {
    "boundaries": "The mismatches lie at the boundaries",
    "ASCII": "not ASCII",
    "capitals": "capital letters",
    "since": "There are none before",
    "value": "The mismatches have country = ",
    "random": "as many as if drawn at random",
}
Found = dict[str, dict[str, Any]]


def units(spark: SparkSession, seed: int) -> DataFrame:
    """Ids of letters and digits, a fifth of them all lower-case; ten countries; fourteen days of first exposures."""
    drawn = F.xxhash64(F.lit(seed), F.col("id"))
    text = F.substring(F.regexp_replace(F.base64(F.sha2(F.concat_ws("-", F.lit(seed), "id"), 256).cast("binary")),
                                        "[^A-Za-z0-9]", ""), 1, 12)  # fmt: skip
    mixed = F.when(F.pmod(drawn, F.lit(5)) == 0, F.lower(text)).otherwise(text)
    second = F.pmod(F.shiftright(drawn, 8), F.lit(DAYS * 86_400))
    country = F.concat(F.lit("country-"), F.pmod(F.shiftright(drawn, 3), F.lit(10)).cast("string"))
    return spark.range(0, UNITS, 1, 2).select(
        F.concat(mixed, F.lit("-"), F.lower(F.hex("id"))).alias("raw_id"),
        (F.lit(START) + second).cast("timestamp").alias("first_exposure_at"),
        F.array(country).alias("attributes"),
        F.pmod(F.shiftright(drawn, 20), F.lit(100)).alias("luck"),
    )


def recorded(frame: DataFrame, service: Experiment, as_hashed: Column) -> DataFrame:
    """What a service that hashes `as_hashed` would have logged."""
    given = frame.select("*", as_hashed.alias("unit_id")).withColumns(
        {"experiment_id": F.lit("e"), "variant": F.lit(None).cast("string")}
    )
    derived = derive(given, [service]).drop("variant", "bucket", "hash_status")
    return derived.withColumnRenamed("expected_variant", "variant")


def checked(logged: DataFrame, known: Experiment) -> Found:
    """Health of the logged units by check, everyone's rows alone."""
    given = logged.select(
        "experiment_id", F.col("raw_id").alias("unit_id"), "variant", "first_exposure_at", "attributes",
        F.xxhash64("raw_id").alias("unit_key_lo"), F.lit(1).cast("bigint").alias("exposures"),
        F.lit(None).cast("timestamp").alias("second_variant_at"), F.lit(None).cast("string").alias("excluded_reason"),
    )  # fmt: skip
    table = derive(given, [known]).cache()
    try:
        profile = [row.asDict() for row in assignment_profile(table, [known]).collect()]
        values = segment_profile(table, [known], {"web": ("country",)}, {"e": ("country",)}).collect()
    finally:
        table.unpersist()
    found = health(profile, [known], attributes=[row.asDict() for row in values])
    return {row["check"]: row for row in found if row["slice_name"] is None}


def diagnosis(found: Found) -> set[str]:
    return {name for name, text in PATTERNS.items() if text in (found["hash"]["advice"] or "")}


def sha256(**given: Any) -> Experiment:
    return experiment("e", HALVES, scheme="sha256", salt="s1", **given)


@contextmanager
def compiled(spark: SparkSession) -> Iterator[None]:
    """With code generated as in a run; the session's own tests have too few rows for it to pay."""
    wanted = {"spark.sql.codegen.factoryMode": "FALLBACK", "spark.sql.codegen.wholeStage": "true"}
    before = {key: spark.conf.get(key) for key in wanted}
    for key, value in wanted.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


@pytest.fixture(scope="module", params=SEEDS)
def frame(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[DataFrame]:
    with as_in_a_run(spark), compiled(spark):
        kept = units(spark, request.param).persist()
        yield kept
        kept.unpersist()


def test_nothing_wrong(frame: DataFrame) -> None:
    found = checked(recorded(frame, sha256(), F.col("raw_id")), sha256())
    assert found["hash"]["status"] == found["hash_assignment"]["status"] == "pass"
    assert found["hash"]["observed"] == "match 1,000,000"


def test_float32_boundaries(frame: DataFrame) -> None:
    """GrowthBook's Java SDK on ten variants of 0.1 differs in 4 of 10,000 buckets."""
    java, script = (
        experiment("e", TENTHS, scheme="growthbook", version=2, seed="s", sdk=sdk)
        for sdk in ("java", "javascript")
    )
    found = checked(recorded(frame, java, F.col("raw_id")), script)
    assert found["hash"]["status"] == "warn"
    assert found["hash"]["statistic"] == pytest.approx(4e-4, rel=0.2)
    assert diagnosis(found) == {"boundaries"}


def test_a_salt_changed_on_day_five(frame: DataFrame) -> None:
    history = [{"from": "2026-10-01T00:00:00Z"}, {"from": "2026-10-05T09:00:00Z", "salt": "s2"}]
    found = checked(recorded(frame, sha256(history=history), F.col("raw_id")), sha256())
    assert found["hash"]["status"] == "fail"
    assert diagnosis(found) == {"since", "random"}
    assert "There are none before 2026-10-05T09:0" in found["hash"]["advice"]


def test_one_per_cent_wrong_in_one_country(frame: DataFrame) -> None:
    other = F.when(F.col("variant") == "control", "treatment").otherwise("control")
    hit = (F.col("attributes")[0] == "country-3") & (F.col("luck") == 0)
    logged = recorded(frame, sha256(), F.col("raw_id"))
    found = checked(logged.withColumn("variant", F.when(hit, other).otherwise(F.col("variant"))), sha256())
    assert found["hash"]["status"] in ("warn", "fail")
    assert found["hash"]["statistic"] == pytest.approx(1e-3, rel=0.2)
    assert diagnosis(found) == {"value"}
    assert "The mismatches have country = country-3." in found["hash"]["advice"]


def test_treatment_units_lost_in_logging(frame: DataFrame) -> None:
    logged = recorded(frame, sha256(), F.col("raw_id"))
    found = checked(logged.where((F.col("variant") == "control") | (F.col("luck") >= 2)), sha256())
    assert (found["srm"]["status"], found["srm_sequential"]["status"]) == ("fail", "fail")
    assert found["hash_capture"]["status"] == "fail", "units are missing from the log"
    assert found["hash"]["status"] == found["hash_assignment"]["status"] == "pass", (
        "none was given another variant"
    )
    assert "missing from the log" in found["hash_capture"]["advice"]


def test_an_sdk_that_lower_cases(frame: DataFrame) -> None:
    found = checked(recorded(frame, sha256(), F.lower("raw_id")), sha256())
    assert found["hash"]["status"] == "fail"
    assert diagnosis(found) == {"capitals"}
    assert found["srm"]["status"] == "pass"
