"""`derive` against the plain-Python definition, for every scheme at once, and the shape of its plan."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hash_cases import SCHEMES, experiment, experiments, unit_ids
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.assignment import assign
from abspark.assignment.derive import derive
from abspark.config import Experiment, ExposureSource
from abspark.errors import DataError
from abspark.pipeline.forced import forced_units, require_hashable

pytestmark = pytest.mark.spark

START = datetime(2026, 10, 2, tzinfo=UTC)
DDL = "experiment_id string, unit_id string, variant string, first_exposure_at timestamp, exposures bigint"
WHOLE = [{"variant": "control", "weight": 1}, {"variant": "blue", "weight": 1}]
ADDED = "expected_variant string, bucket bigint, hash_status string"


def exposed(spark: SparkSession, given: list[Experiment], units: list[str]) -> DataFrame:
    variants = ("control", "blue", "green")
    rows = [
        (e.id, unit, variants[(i + j) % 3], START + timedelta(hours=i), i)
        for j, e in enumerate(given)
        for i, unit in enumerate(units)
    ]
    return spark.createDataFrame(rows, DDL)


def status(recorded: str, expected: str | None) -> str:
    if expected is None:
        return "not_allocated"
    return "match" if recorded == expected else "mismatch"


def test_all_schemes_in_one_frame_equal_the_definition(spark: SparkSession) -> None:
    given, units = experiments(), unit_ids()
    frame = exposed(spark, given, units)
    derived = derive(frame, given)
    assert derived.schema.simpleString() == spark.createDataFrame([], f"{DDL}, {ADDED}").schema.simpleString()
    by_id = {e.id: e for e in given}
    expected = Counter()
    for row in frame.collect():
        said = assign(by_id[row["experiment_id"]], row["unit_id"])
        found = "not_derivable" if said.status == "not_derivable" else status(row["variant"], said.variant)
        expected[(*row, said.variant, said.bucket, found)] += 1
    assert Counter(tuple(row) for row in derived.collect()) == expected


def test_statuses(spark: SparkSession) -> None:
    """user-0 … user-2 have buckets 3761, 9878, 2300 under s1:exp-1 (golden values of the scheme)."""
    halves = [("control", 0.5), ("blue", 0.5)]
    forced = {"user-1": "control", "user-2": "blue", "user-7": "blue"}
    given = [
        experiment("exp-1", halves, scheme="sha256", salt="s1", traffic=0.5, overrides=forced),
        experiment("stored", halves, scheme="none"),
    ]
    rows = [
        ("exp-1", "user-0", "control"),
        ("exp-1", "user-1", "control"),
        ("exp-1", "user-2", "control"),
        ("exp-1", "user-3", "blue"),
        ("stored", "user-1", "blue"),
        ("elsewhere", "user-1", "blue"),
    ]
    frame = spark.createDataFrame([(*row, START) for row in rows], DDL.rsplit(",", 1)[0])
    got = {tuple(row)[:3]: tuple(row)[4:] for row in derive(frame, given).collect()}
    assert got == {
        rows[0]: (None, 3761, "not_allocated"),
        rows[1]: ("control", 9878, "override"),
        rows[2]: ("blue", 2300, "mismatch"),
        rows[3]: (None, 2853, "not_allocated"),
        rows[4]: (None, None, "not_derivable"),
        rows[5]: (None, None, "not_derivable"),
    }


def test_an_attribute_may_be_what_was_hashed(spark: SparkSession) -> None:
    """Units u; what is hashed are the golden user-0 (3761), user-1 (9878), nothing, and what the SDKs refuse."""
    halves = [("control", 0.5), ("blue", 0.5)]
    given = [
        experiment("exp-1", halves, scheme="sha256", salt="s1", unit="account", overrides={"u2": "blue"}),
        experiment("falsy", halves, scheme="growthbook", sdk="go", version=2, seed="s", unit="account"),
        experiment("chance", halves, **{**SCHEMES["unleash"], "allocations": WHOLE}, unit="account"),
        experiment("own", halves, scheme="sha256", salt="s1"),
    ]
    rows = [
        ("exp-1", "u0", "control", ["DE", "user-0"]),
        ("exp-1", "u1", "control", ["DE", "user-1"]),
        ("exp-1", "u2", "blue", ["DE", None]),
        ("exp-1", "u3", "blue", ["DE", None]),
        ("falsy", "u0", "blue", ["DE", ""]),
        ("chance", "u0", "blue", ["DE", ""]),
        ("own", "u0", "blue", ["DE", "user-0"]),
    ]
    ddl = DDL.rsplit(",", 1)[0] + ", attributes array<string>"
    frame = spark.createDataFrame([(*row[:3], START, row[3]) for row in rows], ddl)
    derived = derive(frame, given, attributes={"web": ("country", "account")})
    own = assign(given[3], "u0")
    assert {tuple(row)[:2]: tuple(row)[5:] for row in derived.collect()} == {
        ("exp-1", "u0"): ("control", 3761, "match"),
        ("exp-1", "u1"): ("blue", 9878, "mismatch"),
        ("exp-1", "u2"): ("blue", None, "override"),
        ("exp-1", "u3"): (None, None, "not_derivable"),
        ("falsy", "u0"): (None, None, "not_allocated"),
        ("chance", "u0"): (None, None, "not_derivable"),
        ("own", "u0"): (own.variant, own.bucket, status("blue", own.variant)),
    }


def test_overrides_of_a_source_and_of_the_configuration(spark: SparkSession) -> None:
    """Buckets 3761 and 9878: control and blue, were they not forced."""
    halves = [("control", 0.5), ("blue", 0.5)]
    given = [
        experiment("exp-1", halves, scheme="sha256", salt="s1", overrides={"source": "forced"}),
        experiment("other", halves, scheme="sha256", salt="s1", overrides={"user-0": "control"}),
    ]
    raw = spark.createDataFrame(
        [
            ("exp-1", "user-0", "blue", True),
            ("exp-1", "user-0", "blue", True),
            ("exp-1", "user-0", "control", False),
            ("exp-1", "user-1", "red", True),
            ("exp-1", "user-2", "control", True),
            ("exp-1", "user-2", "blue", True),
            ("exp-1", "", "blue", True),
            ("other", "user-1", "blue", True),
        ],
        "e string, u string, v string, live boolean",
    )
    columns = {"experiment": "e", "unit": "u", "variant": "v"}
    source = ExposureSource.model_validate(
        {"name": "forced", "format": "parquet", "path": "x", "columns": columns, "filter": "live",
         "properties": {"live": "boolean"}, "fixed_time": "2026-10-01T00:00:00Z"}
    )  # fmt: skip
    listed = forced_units({"forced": raw}, {"forced": source}, given)
    assert listed is not None
    # of two variants the first by name
    twice = ("exp-1", "user-2", "blue")
    assert sorted(tuple(row) for row in listed.collect()) == [("exp-1", "user-0", "blue"), twice]
    rows = [("exp-1", "user-0", "blue"), ("exp-1", "user-1", "blue"), ("other", "user-0", "control")]
    frame = spark.createDataFrame([(*row, START) for row in rows], DDL.rsplit(",", 1)[0])
    derived = derive(frame, given, overrides=listed).collect()
    assert sorted((row["experiment_id"], row["unit_id"], row["hash_status"]) for row in derived) == [
        ("exp-1", "user-0", "override"), ("exp-1", "user-1", "match"), ("other", "user-0", "override"),
    ]  # fmt: skip
    assert forced_units({}, {}, [given[1]]) is None


def test_a_floating_point_attribute_is_no_id(spark: SparkSession) -> None:
    source = ExposureSource.model_validate(
        {"name": "web", "format": "parquet", "path": "x", "columns": {"unit": "u", "variant": "v", "time": "t"},
         "attributes": {"account": "a"}}
    )  # fmt: skip
    given = experiment("exp-1", scheme="sha256", salt="s", unit="account")
    with pytest.raises(DataError, match="column a, which exp-1 hashes, is double"):
        require_hashable(spark.createDataFrame([], "u string, a double"), source, [given])
    with pytest.raises(DataError, match="which exp-1 hashes, is array<string>"):
        require_hashable(spark.createDataFrame([], "u string, a array<string>"), source, [given])
    require_hashable(spark.createDataFrame([], "u string, a bigint"), source, [given])


def test_history_decides_by_first_exposure(spark: SparkSession) -> None:
    """Bucket 3761 of user-0: out at 10 % traffic, control at full traffic, blue once control has 20 %."""
    halves = [("control", 0.5), ("blue", 0.5)]
    history = [
        {"from": "2026-10-01T00:00:00Z", "traffic": 0.1},
        {"from": "2026-10-05T00:00:00Z"},
        {"from": "2026-10-09T00:00:00Z", "weights": {"control": 0.2, "blue": 0.8}},
        {"from": "2026-10-12T00:00:00Z", "salt": "s2"},
    ]
    given = experiment("exp-1", halves, scheme="sha256", salt="s1", history=history)
    instants = [
        datetime(2026, 9, 30, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2026, 10, 4, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 10, 5, tzinfo=UTC),
        datetime(2026, 10, 9, tzinfo=UTC),
        datetime(2026, 10, 12, tzinfo=UTC),
    ]
    rows = [("exp-1", "user-0", "control", at) for at in instants]
    derived = derive(spark.createDataFrame(rows, DDL.rsplit(",", 1)[0]), [given])
    got = [
        tuple(row)
        for row in derived.orderBy("first_exposure_at").select(*re.findall(r"(\w+) \w+", ADDED)).collect()
    ]
    second = assign(experiment("exp-1", halves, scheme="sha256", salt="s2"), "user-0")
    assert got == [
        (None, None, "not_derivable"),
        (None, 3761, "not_allocated"),
        (None, 3761, "not_allocated"),
        ("control", 3761, "match"),
        ("blue", 3761, "mismatch"),
        (second.variant, second.bucket, status("control", second.variant)),
    ]
    assert second.bucket != 3761
    assert [assign(given, "user-0", at=at).variant for at in instants] == [row[0] for row in got]


def test_sha256_plan_is_compiled_and_hashes_once(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [experiment(f"e{i}", scheme="sha256", salt="s", overrides={"u": "blue"}) for i in range(20)]
    frame = exposed(spark, given, ["u", "v"]).repartition(2)
    derive(frame, given).where(F.col("hash_status") == "mismatch").explain("formatted")
    plan = capsys.readouterr().out
    assert plan.count("sha2(") == 1
    assert "lambda" not in plan
    assert "murmur" not in plan.lower()
    assert len(re.findall(r"^\(\d+\) Exchange", plan, re.MULTILINE)) == 1, "only the input's own repartition"
    joins = re.findall(r"^\(\d+\) (\w*Join)", plan, re.MULTILINE)
    assert joins == ["BroadcastHashJoin"] * 3, "parameters, segments, overrides"
