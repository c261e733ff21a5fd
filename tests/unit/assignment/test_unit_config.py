"""What the assignment models refuse, and under which key they say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hash_cases import SCHEMES, VARIANTS
from pydantic import TypeAdapter, ValidationError

from abspark.config.assignment import Assignment
from abspark.config.schemes.base import Scheme

ADAPTER: TypeAdapter[Scheme] = TypeAdapter(Assignment)


def given(name: str = "sha256", **changes: Any) -> Scheme:
    return ADAPTER.validate_python({**SCHEMES[name], **changes})


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_is_accepted_and_fits_the_variants(name: str) -> None:
    assert given(name).faults(VARIANTS) == []


@pytest.mark.parametrize("name", SCHEMES)
def test_every_required_key_is_named_when_missing(name: str) -> None:
    model = type(given(name))
    for key, field in model.model_fields.items():
        if field.is_required() and key not in ("scheme", "version"):
            short = {k: v for k, v in SCHEMES[name].items() if k != key}
            with pytest.raises(ValidationError, match=rf"{key}\n  Field required"):
                ADAPTER.validate_python(short)


@pytest.mark.parametrize("name", SCHEMES)
def test_unknown_keys_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        given(name, id="user_id")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("sha256", {"traffic": 0}, "greater than 0"),
        ("sha256", {"traffic": 1.01}, "less than or equal to 1"),
        ("growthbook-filters", {"coverage": 0.5}, "coverage: has no effect beside ranges"),
        ("growthbook-filters", {"namespace": {"id": "n", "start": 0, "end": 1}}, "no effect beside filters"),
        ("growthbook-js-1", {"version": 3}, "Input should be 1 or 2"),
        ("growthbook-js-1", {"version": True}, "not a number"),
        (
            "growthbook-filters",
            {"filters": [{"seed": "f", "ranges": [], "hash_version": True}]},
            "not a number",
        ),
        ("flagd-1", {"version": True}, "not a number"),
        ("launchdarkly-python", {"salt": "s"}, "salt: has no effect beside seed"),
        ("launchdarkly-go", {"salt": None}, "salt: is needed where there is no seed"),
        ("launchdarkly-python", {"sdk": "javascript", "seed": 0}, "is taken for none by this SDK"),
        ("configcat", {"allocations": [{"variant": "blue", "weight": 99}]}, "the weights sum to 99"),
        (
            "launchdarkly-go",
            {"allocations": [{"variant": "blue", "weight": 100_001}]},
            "the weights sum to 100001",
        ),
        ("harness", {"allocations": [{"variant": "blue", "weight": 101}]}, "the weights sum to 101"),
        (
            "vwo-old",
            {"allocations": [{"variant": v, "percentage": 51} for v in "ab"]},
            "percentages sum to 102",
        ),
        (
            "devcycle",
            {"allocations": [{"variant": v, "variation_id": v, "percentage": 0.51} for v in "ab"]},
            "the shares sum to 1.02",
        ),
        (
            "devcycle",
            {"allocations": [{"variant": v, "variation_id": "x", "percentage": 0.5} for v in "ab"]},
            "is the id of two",
        ),
        ("optimizely", {"group": {"id": "g", "start": 0, "end": 10_001}}, "beyond the 10,000 buckets"),
        (
            "statsig",
            {"layer": {"salt": "l", "allocated": [{"start": 0, "end": 1001}]}},
            "beyond the 1,000 buckets",
        ),
        ("amplitude", {"allocation": [{"start": 0, "end": 101}]}, "beyond the 100 buckets"),
        ("eppo-rac", {"holdouts": [{"start": 0, "end": 10_001}]}, "beyond the 10,000 buckets"),
        (
            "eppo-ufc-traffic",
            {"traffic": {"salt": "t", "ranges": [{"start": 0, "end": 1001}]}},
            "beyond the 1,000 buckets",
        ),
        ("split-legacy", {"traffic_allocation": 50}, "traffic_allocation_seed: is needed"),
        ("split-legacy", {"traffic_allocation_seed": 5}, "has no effect with traffic_allocation 100"),
        ("split-legacy", {"allocations": [{"variant": "blue", "weight": 99}]}, "the weights sum to 99"),
        ("planout-weighted", {"operation": "uniform_choice"}, "uniform_choice has no weights"),
        ("flagd-2", {"allocations": [{"variant": "blue", "weight": 0}]}, "must sum to 1"),
        ("eppo-ufc", {"allocations": [{"variant": "blue", "start": 5, "end": 5}]}, "must be above start"),
        ("sha256-listed", {"traffic": 0.5}, "traffic: has no effect beside allocations"),
        ("planout-uniform", {"operation": "bernoulli_trial"}, "bernoulli_trial has two outcomes"),
        ("firebase", {"allocations": [{"variant": "blue"}]}, "needs start, end or both"),
        ("firebase", {"allocations": [{"variant": "blue", "start": 7, "end": 7}]}, "must be above start"),
        ("firebase", {"allocations": [{"variant": "blue", "end": 100_000_001}]}, "less than or equal"),
        ("optimizely-holdouts", {"holdouts": [{"id": "", "end": 5}]}, "at least 1 character"),
        ("growthbook-force", {"coverage": 0.5}, "coverage: has no effect on a rule that forces"),
        ("growthbook-force", {"namespace": {"id": "n", "start": 0, "end": 1}}, "namespace: has no effect"),
        ("growthbook-force", {"force": {"variant": "blue"}}, "coverage: is needed where there is no range"),
        (
            "growthbook-force",
            {"force": {"variant": "blue", "coverage": 1, "range": {"start": 0, "end": 1}}},
            "coverage: has no effect beside range",
        ),
        ("optimizely-go", {"sdk": "go"}, "Input should be 'current' or 'go_before_2.2.1'"),
        ("devcycle-wasm", {"sdk": "rust"}, "Input should be"),
        ("flagd-3-integer", {"flag_key": "f"}, "flag_key: has no effect on integer values"),
        ("flagsmith-segment", {"segment": {"segment_key": "7", "value": 101}}, "less than or equal to 100"),
        ("mozilla-sample", {"stable_sample": {"recipe_id": 5, "rate": 2}}, "less than or equal to 1"),
        ("planout-sample", {"version": "javascript"}, "operation: sample is known of version python alone"),
        ("planout-sample", {"allocations": [{"variant": "blue", "weight": 2}]}, "sample has no weights"),
        ("vwo-group", {"group": {"id": "3", "start": 9, "end": 8}}, "must not be below start"),
        ("unleash", {"allocations": [{"variant": "blue", "weight": 0}]}, "the weights sum to 0"),
        ("mozilla", {"allocations": [{"variant": "blue", "weight": 0}]}, "the weights sum to 0"),
        ("vercel", {"allocations": [{"variant": "blue", "weight": 0}]}, "the weights sum to 0"),
        ("posthog", {"allocations": [{"variant": "blue", "percentage": 60}] * 2}, "sum to 120"),
        ("flagsmith", {"allocations": [{"variant": "blue", "percentage": 60}] * 2}, "sum to 120"),
        (
            "mozilla",
            {"bucket": {"namespace": "n", "start": 0, "count": 11, "total": 10}},
            "at most total, 10",
        ),
    ],
)
def test_refusals(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        given(name, **changes)


def test_namespace_segments_are_within() -> None:
    space = {"name": "n", "num_segments": 4, "segments": [1, 4]}
    with pytest.raises(ValidationError, match=r"segments\.1: must be below num_segments, 4"):
        given("planout-weighted", namespace=space)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"changes": [{"add": "third"}]}, "segments: goes with add"),
        ({"changes": [{"segments": 3}]}, "add: needs either add or remove"),
        ({"changes": [{"remove": "first"}]}, r"changes\.0\.remove: no experiment 'first' is there"),
        ({"changes": [{"add": "third", "segments": 41}]}, r"changes\.0\.segments: only 40 segments are free"),
        ({"changes": [{"add": "third", "segments": 4}] * 2}, r"changes\.1\.add: 'third' is there already"),
        ({"experiment": "first"}, "has no segments after the changes; second, third have"),
        ({"experiment": None}, "experiment: goes with changes"),
        ({"segments": [1]}, "segments: has no effect beside changes"),
        ({"changes": [], "experiment": None}, "segments: is needed where there are no changes"),
    ],
)
def test_namespaces_that_cannot_be_drawn(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        given("planout-sample", namespace={**SCHEMES["planout-sample"]["namespace"], **changes})


def test_overrides_into_unknown_variants() -> None:
    scheme = given(overrides={"user-1": "blue", "user-2": "red"})
    assert scheme.faults(VARIANTS) == [
        ("overrides.user-2", "unknown variant 'red'; the variants are control, blue, green")
    ]


def test_allocations_that_do_not_fit() -> None:
    ends = [{"variant": "red", "end": 500}, {"variant": "blue", "end": 500}, {"variant": "green", "end": 900}]
    assert given("optimizely", allocations=ends).faults(VARIANTS) == [
        ("allocations[0].variant", "unknown variant 'red'; the variants are control, blue, green"),
        ("allocations", "variant 'control' has none"),
        ("allocations[1].end", "must be above 500, or nothing is left for it"),
    ]
    assert given("growthbook-filters").faults([("x", 1.0)])[0][0] == "ranges[0].variant"
    assert given("flagsmith", control_value="red").faults(VARIANTS) == [
        ("control_value", "unknown variant 'red'")
    ]
    outside = {"segment_key": "7", "value": 5, "outside": "red"}
    assert given("flagsmith-segment", segment=outside).faults(VARIANTS) == [
        ("segment.outside", "unknown variant 'red'")
    ]
    force = {"variant": "red", "coverage": 0.1, "otherwise": "pink"}
    assert given("growthbook-force", force=force).faults(VARIANTS) == [
        ("force.variant", "unknown variant 'red'"),
        ("force.otherwise", "unknown variant 'pink'"),
    ]
    assert given("statsig-gate", passed="red").faults(VARIANTS) == [("passed", "unknown variant 'red'")]


@pytest.mark.parametrize(
    ("name", "size"),
    [("sha256-listed", 10_000), ("optimizely", 10_000), ("statsig", 1_000)],
)
def test_ends_beyond_the_buckets(name: str, size: int) -> None:
    ends = [{"variant": v, "end": end} for v, end in (("control", 5), ("blue", 6), ("green", size + 1))]
    message = f"is beyond the {size:,} buckets"
    assert given(name, allocations=ends).faults(VARIANTS) == [("allocations[2].end", message)]


@pytest.mark.parametrize(
    ("name", "size"),
    [("eppo-ufc-traffic", 1_000), ("eppo-rac", 10_000), ("amplitude", 42_949_673)],
)
def test_ranges_beyond_the_buckets_or_within_earlier_ones(name: str, size: int) -> None:
    bounds = (("control", 0, 500), ("blue", 400, 900), ("green", 100, 850), ("green", 850, size + 1))
    ranges = [{"variant": v, "start": a, "end": b} for v, a, b in bounds]
    assert given(name, allocations=ranges).faults(VARIANTS) == [
        ("allocations[2]", "lies within the entries before it, so nothing is left for it"),
        ("allocations[3].end", f"is beyond the {size:,} buckets"),
    ]


@pytest.mark.parametrize(("name", "size"), [("sha256-listed", 10_000), ("statsig", 1_000)])
def test_ends_that_do_not_cover_the_buckets(name: str, size: int) -> None:
    ends = [{"variant": v, "end": end} for v, end in (("control", 5), ("blue", 6), ("green", 999))]
    message = f"they end at 999, the buckets at {size:,}; variant null gives the rest to nobody"
    assert given(name, allocations=ends).faults(VARIANTS) == [("allocations", message)]
    whole = [*ends, {"variant": None, "end": size}]
    assert given(name, allocations=whole).faults(VARIANTS) == []
    dated = {"from": "2026-10-01T00:00:00Z", "allocations": ends}
    assert given(name, history=[dated]).faults(VARIANTS) == [("history[0].allocations", message)]


def test_overrides_that_lie_in_a_source() -> None:
    scheme = given(overrides={"source": "forced"})
    assert (scheme.overrides_source, scheme.forced, scheme.faults(VARIANTS)) == ("forced", {}, [])
    listed = given(overrides={"source": "blue", "user-1": "blue"})
    assert (listed.overrides_source, dict(listed.forced)) == (None, {"source": "blue", "user-1": "blue"})


def test_growthbook_takes_the_vendors_word_for_its_version() -> None:
    plain = {key: value for key, value in SCHEMES["growthbook-js-2"].items() if key != "version"}
    assert ADAPTER.validate_python({**plain, "hash_version": 2}) == given("growthbook-js-2")


def test_a_variant_of_weight_zero_needs_no_allocation() -> None:
    ends = [{"variant": "control", "end": 500}, {"variant": "blue", "end": 900}]
    assert (
        given("optimizely", allocations=ends).faults([("control", 0.5), ("blue", 0.5), ("green", 0.0)]) == []
    )


def test_history_faults() -> None:
    history = [
        {"from": "2026-10-03T00:00:00Z", "weights": {"control": 1.0}},
        {"from": "2026-10-03T00:00:00Z", "weights": {"control": 0.5, "blue": 0.3, "green": 0.3}},
    ]
    start = datetime(2026, 10, 1, tzinfo=UTC)
    assert given(history=history).faults(VARIANTS, start) == [
        ("history[0].weights", "must name each variant once: control, blue, green"),
        ("history[1].weights", "must sum to 1, not 1.1"),
        ("history[1].from", "must be after the entry before it"),
        ("history[0].from", "must not be after the experiment's start, 2026-10-01T00:00:00+00:00"),
    ]


def test_history_allocations_are_checked_too() -> None:
    dated = {"from": "2026-10-01T00:00:00Z", "allocations": [{"variant": "blue", "end": 900}]}
    assert given("optimizely", history=[dated]).faults(VARIANTS) == [
        ("history[0].allocations", "variant 'control' has none"),
        ("history[0].allocations", "variant 'green' has none"),
    ]


@pytest.mark.parametrize(
    ("name", "dated", "message"),
    [
        (
            "configcat",
            {"allocations": [("control", 50), ("blue", 10), ("green", 5)]},
            "the weights sum to 65",
        ),
        (
            "split-murmur",
            {"allocations": [("control", 50), ("blue", 10), ("green", 5)]},
            "the weights sum to 65",
        ),
        (
            "flagd-2",
            {"allocations": [("control", 0), ("blue", 0), ("green", 0)]},
            "the weights must sum to 1",
        ),
        ("unleash", {"allocations": [("control", 0), ("blue", 0), ("green", 0)]}, "the weights sum to 0"),
        ("planout-uniform", {"allocations": [("control", 2), ("blue", 1), ("green", 1)]}, "has no weights"),
        ("sha256-listed", {"traffic": 0.5}, "has no effect beside allocations"),
        ("growthbook-filters", {"coverage": 0.5}, "has no effect beside ranges"),
    ],
)
def test_rules_hold_for_what_history_states(name: str, dated: dict[str, Any], message: str) -> None:
    (key,) = dated
    stated = dated[key]
    if isinstance(stated, list):
        stated = [{"variant": variant, "weight": weight} for variant, weight in stated]
    history = [{"from": "2026-10-01T00:00:00Z"}, {"from": "2026-10-05T00:00:00Z", key: stated}]
    ((where, said),) = given(name, history=history).faults(VARIANTS)
    assert where == f"history[1].{key}"
    assert message in said


def test_a_seed_of_traffic_that_only_some_entries_share_is_no_fault() -> None:
    history = [
        {"from": "2026-10-01T00:00:00Z", "traffic_allocation": 50},
        {"from": "2026-10-05T00:00:00Z", "traffic_allocation": 100},
    ]
    assert given("split-legacy", traffic_allocation_seed=5, history=history).faults(VARIANTS) == []


def test_periods_carry_what_was_in_force() -> None:
    history = [
        {"from": "2026-10-01T00:00:00Z", "traffic": 0.1},
        {"from": "2026-10-05T00:00:00Z", "weights": {"green": 0.1, "blue": 0.2, "control": 0.7}},
    ]
    scheme = given(history=history)
    first, second = scheme.periods(VARIANTS)
    assert first == (datetime(2026, 10, 1, tzinfo=UTC), given(traffic=0.1), VARIANTS)
    assert second[1:] == (given(), [("control", 0.7), ("blue", 0.2), ("green", 0.1)])
    assert given().periods(VARIANTS) == ((None, given(), VARIANTS),)
