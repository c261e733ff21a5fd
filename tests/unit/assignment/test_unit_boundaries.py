"""Boundaries: the exact buckets at which double, 32-bit float and decimal arithmetic part."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hash_cases import VARIANTS, weights
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from abspark.assignment.compiled import plan_of
from abspark.assignment.float32 import float32, float32_of
from abspark.assignment.plan import IN, Plan, Segment
from abspark.config.assignment import Assignment


def plan(variants: list[tuple[str, float]], **assignment: Any) -> Plan:
    return plan_of(TypeAdapter(Assignment).validate_python(assignment), "exp-1", variants)


def equal(count: int) -> list[tuple[str, float]]:
    return [(f"v{i}", 1 / count) for i in range(count)]


def owners(plan: Plan) -> dict[int, str]:
    return {b: s.outcome for s in plan.split.segments for b in range(s.start, s.end)}


def test_sha256_takes_the_first_variant_above_the_running_double_sum() -> None:
    """Against the definition bucket by bucket: the first i with bucket / 10000 < cum[i], the last as the rest."""
    for count in (2, 3, 10, 20, 64):
        variants = equal(count)
        expected, sums, total = {}, [], 0.0
        for _, weight in variants:
            total += weight
            sums.append(total)
        for bucket in range(10_000):
            index = next((i for i, s in enumerate(sums) if bucket / 10_000 < s), count - 1)
            expected[bucket] = variants[index][0]
        assert owners(plan(variants, scheme="sha256", salt="s")) == expected


@pytest.mark.parametrize(("count", "differing"), [(10, 1), (20, 7)])
def test_sha256_differs_from_decimals_on_these_many_buckets(count: int, differing: int) -> None:
    got = owners(plan(equal(count), scheme="sha256", salt="s"))
    decimal = {b: f"v{int(Fraction(b, 10_000) * count)}" for b in range(10_000)}
    different = [b for b in decimal if got[b] != decimal[b]]
    assert len(different) == differing
    assert count != 10 or different == [3000]


def test_sha256_traffic_keeps_each_variant_where_it_starts() -> None:
    got = plan(VARIANTS, scheme="sha256", salt="s", traffic=0.5).split
    assert got.segments == (
        Segment(0, 2500, "control"),
        Segment(5000, 6500, "blue"),
        Segment(8000, 9000, "green"),
    )
    assert (got.prefix, got.suffix, got.modulus) == ("s:exp-1:", "", 10_000)


def test_sha256_gives_rounding_leftovers_to_the_last_at_full_traffic_only() -> None:
    short = [("a", 0.5), ("b", 0.4999)]
    assert plan(short, scheme="sha256", salt="").split.segments[-1] == Segment(5000, 10_000, "b")
    assert plan(short, scheme="sha256", salt="", traffic=0.9).split.segments[-1] == Segment(5000, 9500, "b")


def test_sha256_variant_of_weight_zero_owns_nothing() -> None:
    got = plan([("a", 0.5), ("b", 0.0), ("c", 0.5)], scheme="sha256", salt="s")
    assert got.split.segments == (Segment(0, 5000, "a"), Segment(5000, 10_000, "c"))


@pytest.mark.parametrize(("count", "differing"), [(10, 4), (20, 8)])
def test_growthbook_java_counts_in_floats(count: int, differing: int) -> None:
    """Numbers of differing buckets: computed with the JavaScript SDK's and the Java SDK's arithmetic."""
    growthbook = {"scheme": "growthbook", "version": 2, "seed": "s"}
    script = owners(plan(equal(count), sdk="javascript", **growthbook))
    java = owners(plan(equal(count), sdk="java", **growthbook))
    assert sum(script.get(b) != java.get(b) for b in range(10_000)) == differing


def test_growthbook_coverage_shrinks_ranges_in_place() -> None:
    """The last end is in doubles: 0.8 + 0.1 * 0.2 = 0.8200000000000001, so bucket 820 is in."""
    got = plan(VARIANTS, scheme="growthbook", sdk="go", version=1, seed="s", coverage=0.1)
    assert got.split.segments == (
        Segment(0, 50, "control"),
        Segment(500, 530, "blue"),
        Segment(800, 821, "green"),
    )


def test_inclusive_and_exclusive_ends() -> None:
    """PlanOut, Unleash, Harness, VWO, Split include the end; ConfigCat, Optimizely, flagd do not."""
    given = {"allocations": weights(50, 30, 20)}
    harness = plan(VARIANTS, scheme="harness", bucket_by="b", **given).split
    configcat = plan(VARIANTS, scheme="configcat", setting_key="k", **given).split
    assert harness.offset == 1
    assert harness.segments[0] == Segment(1, 51, "control")
    assert configcat.segments[0] == Segment(0, 50, "control")


def test_eppo_exposure_is_inclusive_and_holdouts_are_cut_out() -> None:
    rac = {"scheme": "eppo", "version": "rac", "flag_key": "f", "percent_exposure": 0.25}
    ranges = [{"variant": v, "start": i, "end": i + 1} for i, (v, _) in enumerate(VARIANTS)]
    got = plan(VARIANTS, **rac, holdouts=[{"start": 10, "end": 20}], allocations=ranges)
    exposure, holdouts = got.gates
    assert exposure.segments == (Segment(0, 2501, IN),)
    assert holdouts.segments == (Segment(0, 10, IN), Segment(20, 10_000, IN))
    assert (exposure.prefix, exposure.suffix) == ("exposure-", "-f")
    assert (got.split.prefix, got.split.suffix) == ("assignment-", "-f")
    assert (holdouts.prefix, holdouts.suffix) == ("holdout-", "")


def test_launchdarkly_gives_the_overflow_to_the_last_and_untracked_to_nobody() -> None:
    given = {"scheme": "launchdarkly", "sdk": "python", "seed": 7}
    short = [*weights(50_000, 20_000, 10_000), {"variant": None, "weight": 10_000}]
    assert plan(VARIANTS, **given, allocations=short[:3]).split.segments[-1].end == 1 << 60
    last = plan(VARIANTS, **given, allocations=short).split.segments[-1]
    assert (last.outcome, last.end < 1 << 60) == ("green", True)


def test_flagd_1_leaves_three_hashes_without_variant() -> None:
    got = plan(VARIANTS, scheme="flagd", version=1, flag_key="", allocations=weights(1, 1, 2)).split
    assert got.segments[-1].end == (1 << 31) - 1


def test_mozilla_sample_wraps_around() -> None:
    sample = {"namespace": "n", "start": 900, "count": 200, "total": 1000}
    (gate,) = plan(VARIANTS, scheme="mozilla", slug="s", bucket=sample, allocations=weights(1, 1, 1)).gates
    top = (1 << 48) - 1
    assert gate.segments == (Segment(0, int(0.1 * top), IN), Segment(int(0.9 * top), top, IN))


def test_devcycle_sorts_by_id_descending_and_includes_one() -> None:
    shares = [
        {"variant": "control", "variation_id": "a", "percentage": 0.5},
        {"variant": "blue", "variation_id": "c", "percentage": 0.3},
        {"variant": "green", "variation_id": "b", "percentage": 0.2},
    ]
    got = plan(VARIANTS, scheme="devcycle", target_id="t", allocations=shares).split.segments
    assert [segment.outcome for segment in got] == ["blue", "green", "control"]
    assert got[-1].end == 1 << 32


@given(st.integers(0, (1 << 60) - 1))
def test_float32_of_rounds_once(number: int) -> None:
    assert float32_of(number) == float(np.float32(np.int64(number)))


def test_float32_of_is_not_the_float_of_the_double() -> None:
    """2**54 + 2**30 + 1 is above the middle of two floats; as a double it is the middle, and goes to even."""
    number = (1 << 54) + (1 << 30) + 1
    assert float32_of(number) == float((1 << 54) + (1 << 31))
    assert float32(float(number)) == float(1 << 54)
