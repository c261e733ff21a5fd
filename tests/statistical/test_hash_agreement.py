"""Every scheme in Spark against the plain-Python definition on 10,000 random ids, awkward ones among them."""

from __future__ import annotations

import random
from typing import Final

import pytest
from hash_cases import SCHEMES, experiment, unit_ids
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.assignment.compiled import dated_plans
from abspark.assignment.derive import derive
from abspark.assignment.unit import hashed
from abspark.local_frame import local_frame

pytestmark = [pytest.mark.statistical, pytest.mark.spark]

IDS: Final = 10_000
ALPHABETS: Final = (
    "0123456789",
    "abcdefXYZ-_:./",
    "äéñßø漢字かな\u0301",
    "🙂😀𝒳\U0001f469\u200d\U0001f4bb",
    "".join(map(chr, range(1, 0x250))),
)


def random_ids() -> list[str]:
    """Empty, one character, very long; digits alone, beyond ASCII, beyond the BMP, and mixtures."""
    rng = random.Random(20260701)
    ids = unit_ids()
    while len(ids) < IDS:
        letters = rng.choice([*ALPHABETS, "".join(ALPHABETS)])
        length = rng.choice([1, 2, 3, 4, 8, 16, 31, 32, 33, 64, *([1000] if rng.random() < 0.02 else [])])
        ids.append("".join(rng.choices(letters, k=length)))
    return ids


@pytest.mark.parametrize("name", SCHEMES)
def test_spark_agrees_with_the_definition(spark: SparkSession, name: str) -> None:
    given, ids = experiment(name, **SCHEMES[name]), random_ids()
    (dated,) = dated_plans(given)
    expected = [hashed(dated.plan, unit) for unit in ids]
    frame = local_frame(spark, list(enumerate(ids)), "i int, unit_id string").withColumns(
        {
            "experiment_id": F.lit(name),
            "variant": F.lit("control"),
            "first_exposure_at": F.lit("2026-10-02").cast("timestamp"),
        }
    )
    found = derive(frame, [given]).select("i", "bucket", "expected_variant").collect()
    assert len(found) == IDS
    differing = [
        (ids[row["i"]], row["bucket"], row["expected_variant"])
        for row in found
        if (row["bucket"], row["expected_variant"]) != (expected[row["i"]][0][1], expected[row["i"]][1])
    ]
    assert differing == []
