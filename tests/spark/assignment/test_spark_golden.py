"""The self-test passes where Spark hashes as it should and refuses where it does not."""

from __future__ import annotations

import pytest
from hash_cases import SCHEMES, experiment
from pyspark.sql import SparkSession

from abspark.assignment import golden, golden_check
from abspark.errors import AbsparkError

pytestmark = pytest.mark.spark


def test_passes_for_the_kernels_in_use(spark: SparkSession) -> None:
    used = [experiment(name, **SCHEMES[name]) for name in ("sha256", "optimizely", "flagd-3-text")]
    golden_check(spark, [*used, experiment("stored", scheme="none")])


@pytest.mark.parametrize("name", ["sha256", "configcat"])
def test_refuses_a_platform_that_hashes_differently(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    right = golden.expected_bucket
    changed = "s:e:🙂"
    monkeypatch.setattr(golden, "expected_bucket", lambda k, text: right(k, text) + (text == changed))
    with pytest.raises(AbsparkError, match=r"of 's:e:🙂' is \d+ on this platform, not \d+"):
        golden_check(spark, [experiment("e", **SCHEMES[name])])
