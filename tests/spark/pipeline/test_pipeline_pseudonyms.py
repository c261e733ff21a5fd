"""Keyed pseudonyms: published values, the definition in another language, and all that is made of a unit's key."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Any

import pytest
from chispa import assert_df_equality
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.config import DimensionSource, EventSource
from abspark.local_frame import local_frame
from abspark.pipeline.bots import busy_units
from abspark.pipeline.dimensions import Dimension, dimension_rows
from abspark.pipeline.keys import unit_key
from abspark.pipeline.pseudonyms import pseudonym, pseudonymised

pytestmark = pytest.mark.spark

KEY = "a secret of thirty-two characters"
SHOWN = datetime(2026, 10, 5, tzinfo=UTC)
RFC_4231 = [
    (
        "Jefe",
        "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
]
"""Test cases 2 and 1 of RFC 4231, section 4, whose keys and data are text."""


def defined(key: str, unit: str) -> str:
    """The pseudonym by Python's own HMAC."""
    return hmac.digest(key.encode(), unit.encode(), "sha256").hex()


def frame_of(spark: SparkSession, *units: str | None) -> DataFrame:
    return local_frame(spark, [(unit,) for unit in units], "unit string")


@pytest.mark.parametrize(("key", "unit", "expected"), RFC_4231)
def test_published_values(spark: SparkSession, key: str, unit: str, expected: str) -> None:
    found = frame_of(spark, unit, None).select(pseudonym(F.col("unit"), key).alias("known"))
    assert [row["known"] for row in found.collect()] == [expected, None]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_key_and_ids_by_the_definition(spark: SparkSession, data: st.DataObject) -> None:
    """Keys on both sides of a block of 64 bytes; ids of any characters, of several blocks, too."""
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    key = data.draw(st.sampled_from([1, 63, 64, 65, 200]).map(lambda size: ("k\u00e9" * size)[:size]))
    units = data.draw(st.lists(text, min_size=1, max_size=30))
    found = frame_of(spark, *units, "u" * 300).select(pseudonym(F.col("unit"), key).alias("known"))
    assert [row["known"] for row in found.collect()] == [defined(key, unit) for unit in (*units, "u" * 300)]


def test_a_units_key_is_that_of_what_it_is_known_as(spark: SparkSession) -> None:
    frame = frame_of(spark, "a", "b", None)
    known = frame_of(spark, defined(KEY, "a"), defined(KEY, "b"), None)
    assert_df_equality(
        frame.select(*unit_key(F.col("unit"), KEY)), known.select(*unit_key(F.col("unit"), None))
    )
    plain, hidden = (set(frame.select(*unit_key(F.col("unit"), key)).collect()) for key in (None, KEY))
    assert plain & hidden == set(frame.where("unit is null").select(*unit_key(F.col("unit"), None)).collect())


def test_assignments_keep_all_but_id_and_bucket(spark: SparkSession) -> None:
    schema = "unit_id string, variant string, bucket bigint"
    frame = local_frame(spark, [("a", "x", 7), ("b", "y", None)], schema)
    expected = [(defined(KEY, "a"), "x", None), (defined(KEY, "b"), "y", None)]
    assert_df_equality(pseudonymised(frame, KEY), local_frame(spark, expected, schema), ignore_nullable=True)
    assert pseudonymised(frame, None) is frame


def keys(frame: DataFrame) -> set[tuple[Any, ...]]:
    return {(row["hi"], row["lo"]) for row in frame.collect()}


def test_rows_of_dimensions_and_bots_find_their_units(spark: SparkSession) -> None:
    logged = local_frame(
        spark, [("a", SHOWN, "DE")] * 2 + [("b", SHOWN, "FR")], "u string, t timestamp, c string"
    )
    common = {"format": "parquet", "path": "x"}
    users = DimensionSource.model_validate(
        {"name": "users", **common, "columns": {"unit": "u", "valid_from": "t"}, "attributes": ["c"]}
    )
    buys = EventSource.model_validate({"name": "buys", **common, "columns": {"unit": "u", "time": "t"}})
    of_a = keys(frame_of(spark, defined(KEY, "a")).select(*unit_key(F.col("unit"), None)))
    of_b = keys(frame_of(spark, defined(KEY, "b")).select(*unit_key(F.col("unit"), None)))
    assert keys(dimension_rows(Dimension(users, logged, KEY))) == of_a | of_b
    after = datetime(2026, 10, 6, tzinfo=UTC)
    assert keys(busy_units(logged, buys, 1, after, KEY)) == of_a
    assert keys(busy_units(logged, buys, 1, after)) != of_a


def test_a_secret_is_not_told(spark: SparkSession) -> None:
    users = DimensionSource.model_validate(
        {"name": "users", "format": "parquet", "path": "x", "columns": {"unit": "u"}, "attributes": ["c"]}
    )
    assert KEY not in repr(Dimension(users, frame_of(spark, "a"), KEY))
