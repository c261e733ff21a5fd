"""Every scheme's split and gates, to the bucket: which end is inclusive, where a hash is rounded to a double.

Ends worked out by hand from the vendors' comparisons. A double next to 2**59 stands for 128 whole numbers, and the
tie at 64 goes to 2**59 itself: hence the ends of SHA-1 schemes with `<=`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hash_cases import SCHEMES, VARIANTS, weights
from pydantic import TypeAdapter

from abspark.assignment.compiled import plan_of
from abspark.assignment.plan import Plan
from abspark.config.assignment import Assignment

HALF, ONE = 1 << 59, 1 << 60
QUARTERS = weights(25_000, 25_000, 50_000)
TOP32 = 1 << 32

SPLITS: dict[str, tuple[int, int, int, int]] = {
    "growthbook-filters": (0, 2500, 5000, 9000),
    "optimizely": (0, 2500, 6000, 9000),
    "optimizely-holdouts": (0, 2500, 6000, 10_000),
    "eppo-ufc": (0, 5000, 8000, 10_000),
    "eppo-rac": (0, 3333, 6666, 10_000),
    "statsig": (0, 333, 667, 1000),
    "unleash": (1, 501, 801, 1001),
    "unleash-node": (1, 6, 9, 11),
    "unleash-feature": (1, 2, 3, 4),
    "configcat": (0, 25, 75, 100),
    "amplitude": (0, 14_316_557, 28_633_115, 42_949_673),
    "planout-uniform": (0, 1, 2, 3),
    "split-murmur": (1, 51, 81, 101),
    "split-legacy": (1, 51, 81, 101),
    "flagd-1": (0, 1_073_741_824, 1_717_986_918, (1 << 31) - 1),
    "flagd-2": (0, 5, 8, 10),
    "flagd-3-implicit": (0, 5, 8, 10),
    "flagd-3-text": (0, 5, 8, 10),
    "vwo-nb": (1, 5001, 8001, 10_001),
    "vwo-nb2": (1, 5001, 8001, 10_001),
    "vwo-fme": (1, 5001, 8001, 10_001),
    "vwo-group": (1, 5001, 8001, 10_001),
    "harness": (1, 51, 81, 101),
    "firebase": (1, 40_000_001, 60_000_001, 90_000_001),
    "firebase-open": (0, 50_000_001, 80_000_001, 100_000_000),
    "vercel": (0, 1 << 31, 3_435_973_836, TOP32),
}

GATES: dict[str, list[list[tuple[int, int]]]] = {
    "growthbook-python": [[(2000 // 10, 9000 // 10)]],
    "growthbook-filters": [[(0, 3000), (4000, 8000)]],
    "optimizely-group": [[(3000, 8000)]],
    "optimizely-holdouts": [[(1500, 10_000)], [(700, 10_000)]],
    "eppo-ufc-traffic": [[(0, 400), (600, 700)]],
    "eppo-rac": [[(0, 4534)], [(0, 500), (1500, 10_000)]],
    "statsig": [[(2000, 10_000)], [(0, 300), (450, 1000)]],
    "unleash": [[(1, 71)]],
    "amplitude": [[(0, 30), (50, 100)]],
    "planout-weighted": [[(n, n + 1) for n in (0, 3, 4, 7, 9)]],
    "split-murmur": [[(1, 81)]],
    "vwo-nb": [[(1, 61)]],
    "vwo-group": [[(2001, 7001)], [(1, 61)]],
    "posthog-holdout": [[((ONE >> 3) + 17, ONE)]],
    "sha256": [],
    "configcat": [],
}


def plan(**assignment: Any) -> Plan:
    return plan_of(TypeAdapter(Assignment).validate_python(assignment), "e", VARIANTS)


def ends(plan: Plan) -> list[tuple[int, int, str]]:
    return [tuple(segment) for segment in plan.split.segments]


def adjoining(bounds: tuple[int, int, int, int], order: tuple[str, ...]) -> list[tuple[int, int, str]]:
    return [(a, b, name) for a, b, name in zip(bounds, bounds[1:], order, strict=False)]


@pytest.mark.parametrize("name", SPLITS)
def test_splits(name: str) -> None:
    assert ends(plan(**SCHEMES[name])) == adjoining(SPLITS[name], ("control", "blue", "green"))


@pytest.mark.parametrize("name", GATES)
def test_gates(name: str) -> None:
    got = plan(**SCHEMES[name]).gates
    assert [[(s.start, s.end) for s in gate.segments] for gate in got] == GATES[name]
    assert all(s.outcome == "*" for gate in got for s in gate.segments)


@pytest.mark.parametrize("sdk", ["python", "javascript", "go"])
def test_launchdarkly(sdk: str) -> None:
    """`share < 0.25` and `< 0.5`: below a power of two the spacing is half of that above; floats are coarser."""
    below_half, below_quarter = (1 << 34, 1 << 33) if sdk == "go" else (32, 16)
    got = plan(scheme="launchdarkly", sdk=sdk, flag_key="f", salt="s", allocations=QUARTERS)
    quarter, half = (HALF >> 1) - below_quarter, HALF - below_half
    assert ends(got) == adjoining((0, quarter, half, ONE), ("control", "blue", "green"))
    assert (got.split.prefix, got.split.modulus) == ("f.s.", ONE)


def test_posthog_is_inclusive_in_the_rollout_and_half_open_in_the_variants() -> None:
    shares = [{"variant": v, "percentage": p} for v, p in (("control", 50), ("blue", 25), ("green", 25))]
    got = plan(scheme="posthog", flag_key="f", rollout_percentage=50, allocations=shares)
    assert [tuple(s) for s in got.gates[0].segments] == [(0, HALF + 65, "*")]
    three = HALF + (HALF >> 1)
    assert ends(got) == adjoining((0, HALF - 32, three - 64, ONE - 64), ("control", "blue", "green"))


@pytest.mark.parametrize(("version", "size", "slack"), [("python", ONE, 65), ("javascript", 1 << 52, 0)])
def test_planout_weighted_is_inclusive(version: str, size: int, slack: int) -> None:
    """PlanOut.js divides by 2**52 - 1, so the half of it lies between two hashes."""
    given = {"scheme": "planout", "operation": "weighted_choice", "salt": "e.p"}
    got = plan(**given, version=version, allocations=weights(1, 0, 1)[::2])
    assert ends(got) == [(0, size // 2 + slack, "control"), (size // 2 + slack, size, "green")]


def test_planout_trial_is_inclusive() -> None:
    """`hash / 2**60 <= 0.5`, and in JavaScript `hash / (2**52 - 1) <= 0.5`, whose half lies between two hashes."""
    outcomes = [{"variant": "blue", "weight": 0.5}, {"variant": "control", "weight": 0.5}]
    given = {"scheme": "planout", "operation": "bernoulli_trial", "salt": "e.p", "allocations": outcomes}
    for version, end, size in (("python", HALF + 65, ONE), ("javascript", 1 << 51, 1 << 52)):
        assert ends(plan(**given, version=version)) == [(0, end, "blue"), (end, size, "control")]


def test_sha256_ranges_that_are_listed() -> None:
    assert ends(plan(**SCHEMES["sha256-listed"])) == [
        (0, 3333, "control"), (3333, 5000, "blue"), (5000, 8333, "green"), (8333, 9500, "blue"),
    ]  # fmt: skip


def test_what_is_hashed_by_groups_and_holdouts() -> None:
    texts = {
        name: [(gate.prefix, gate.suffix, gate.seed) for gate in plan(**SCHEMES[name]).gates]
        for name in ("optimizely-holdouts", "posthog-holdout", "vwo-group")
    }
    assert texts == {
        "optimizely-holdouts": [("", "global", 1), ("", "local", 1)],
        "posthog-holdout": [("holdout-", "", 0)],
        "vwo-group": [("3_", "", 1), ("7_", "", 1)],
    }
    assert plan(**SCHEMES["firebase-open"]).split.prefix == ""
    assert plan(**SCHEMES["firebase"]).split.prefix == "f."


def test_flagsmith_percentages_and_the_control_value() -> None:
    assert ends(plan(**SCHEMES["flagsmith"])) == [
        (0, 3000, "blue"),
        (3000, 5049, "green"),
        (5049, 9999, "control"),
    ]
    without = {key: value for key, value in SCHEMES["flagsmith"].items() if key != "control_value"}
    assert ends(plan(**without)) == [(0, 3000, "blue"), (3000, 5049, "green")]


def test_statsig_gate() -> None:
    assert ends(plan(**SCHEMES["statsig-gate"])) == [(0, 2000, "blue"), (2000, 10_000, "control")]


def test_vwo_old_stretches_by_traffic() -> None:
    """floor((10000 h / 2**32 + 1) * 10000/60/100) <= 5000 means h < 2999.6 / 10000 * 2**32, and so on."""
    got = ends(plan(**SCHEMES["vwo-old"]))
    share = [int(x / 10_000 * TOP32) + 1 for x in (5001 * 0.6 - 1, 8001 * 0.6 - 1, 10_001 * 0.6 - 1)]
    assert got == adjoining((0, *share), ("control", "blue", "green"))


def test_devcycle_divides_by_the_largest_hash() -> None:
    """Rollout `hash <= 0.6 * (2**32 - 1)` = 2576980377; blue below 0.3, green below 0.5 of it, control the rest."""
    got = plan(**SCHEMES["devcycle"])
    assert [tuple(s) for s in got.gates[0].segments] == [(0, 2_576_980_378, "*")]
    assert ends(got) == [
        (0, 1_288_490_189, "blue"),
        (1_288_490_189, 1 << 31, "green"),
        (1 << 31, TOP32, "control"),
    ]


def test_mozilla_ratios_are_inclusive_and_the_last_branch_takes_the_rest() -> None:
    got = plan(**SCHEMES["mozilla"])
    top = (1 << 48) - 1
    bounds = (0, int(0.25 * top) + 1, int(0.75 * top) + 1, top + 1)
    assert ends(got) == adjoining(bounds, ("control", "blue", "green"))
    assert (got.split.prefix, got.split.suffix) == ('"experimentmanager-', '-slug-1-branch"')
    assert (got.gates[0].prefix, got.gates[0].suffix) == ('["', '","ns-1"]')
