"""A self-test: does this platform hash as the definition says?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from abspark.assignment.compiled import dated_plans
from abspark.assignment.kernels import KERNELS
from abspark.config import Experiment
from abspark.errors import AbsparkError
from abspark.local_frame import local_frame

GOLDEN: Final = {
    "s1:exp-1:user-0": 3761,
    "s1:exp-1:user-1": 9878,
    "s1:exp-1:user-2": 2300,
    "s1:exp-1:user-3": 2853,
    "s1:exp-1:user-4": 4828,
    "s1:exp-1:user-5": 7318,
    "s1:exp-1:user-6": 8052,
    "s1:exp-1:user-7": 7081,
    ":exp-1:42": 898,
    "salt:checkout_button:00000000-0000-0000-0000-000000000001": 6939,
    "2024-q1:prix-é:usér-ñ": 2657,
    "s:e:🙂": 1255,
}
"""Hashed text: bucket of the scheme `sha256`. The other kernels are held to the definition on the same texts."""

_MODULUS: Final = 10_000
_SEED: Final = 1
_DEFAULT: Final = "sha256_8"


def golden_check(spark: SparkSession, experiments: Iterable[Experiment]) -> None:
    """Compare Spark with the definition for every kernel these experiments use, in one tiny job.

    Raises:
        AbsparkError: a kernel hashes differently here, so every comparison with it would be wrong.
    """
    plans = [dated.plan for experiment in experiments for dated in dated_plans(experiment)]
    kernels = sorted({stage.kernel for plan in plans for stage in plan.stages})
    if not kernels:
        return
    texts = local_frame(spark, [(text,) for text in GOLDEN], "text string")
    for row in texts.select("text", *(_bucket(name).alias(name) for name in kernels)).collect():
        for name in kernels:
            expected = expected_bucket(name, row["text"])
            if row[name] != expected:
                raise AbsparkError(
                    f"{name} of {row['text']!r} is {row[name]} on this platform, not {expected}",
                    advice="use another Spark build, or set `assignment: {scheme: none}` to run without this check",
                )


def expected_bucket(kernel: str, text: str) -> int:
    """What a kernel must give for a golden text."""
    return GOLDEN[text] if kernel == _DEFAULT else KERNELS[kernel].python(text, _SEED, _MODULUS)


def _bucket(name: str) -> Column:
    kernel = KERNELS[name]
    seed = F.lit(kernel.spark_seed(_SEED)).cast("bigint")
    return kernel.spark(F.col("text"), seed, F.lit(_MODULUS).cast("bigint"))
