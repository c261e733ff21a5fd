"""One unit's assignment in plain Python."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hash_cases import SCHEMES, experiment

from abspark.assignment import Assigned, assign
from abspark.assignment.compiled import dated_plans
from abspark.assignment.golden import GOLDEN
from abspark.assignment.kernels import KERNELS
from abspark.assignment.murmur import murmur3, spark_seed
from abspark.assignment.plan import Segment
from abspark.errors import UsageError

HALVES = [("control", 0.5), ("blue", 0.5)]
SEGMENTS = (Segment(0, 5000, "control"), Segment(5000, 10_000, "blue"))


@pytest.mark.parametrize(("text", "bucket"), GOLDEN.items())
def test_golden_values_of_the_default_scheme(text: str, bucket: int) -> None:
    assert KERNELS["sha256_8"].python(text, 0, 10_000) == bucket


@pytest.mark.parametrize(("seed", "literal"), [(0, -1693959553), (1, -1910889132), (86028157, -163562267)])
def test_spark_seed(seed: int, literal: int) -> None:
    """Literals found by inverting `hash(INT)` in Spark 4.2.0; `hash` of one int is murmur3 of its 4 bytes, seed 42."""
    assert spark_seed(seed) == literal
    assert murmur3((literal & 0xFFFFFFFF).to_bytes(4, "little"), 42) == seed


def test_assigned() -> None:
    given = experiment("exp-1", HALVES, scheme="sha256", salt="s1")
    assert assign(given, "user-1") == Assigned(
        unit_id="user-1",
        scheme="sha256",
        hash_input="s1:exp-1:user-1",
        bucket=9878,
        boundaries=SEGMENTS,
        variant="blue",
        status="assigned",
        reason="bucket 9878 of the split",
    )


OUT, CHANCE = ("not_allocated", "the SDK gives it no variant"), ("not_derivable", "or to chance")
EMPTY: dict[str, tuple[str, str] | str] = {
    "sha256": "s1:sha256:",
    "growthbook-js-2": OUT,
    "optimizely": "1886780721",
    "eppo-ufc": "split-f-",
    "statsig-gate": "holdout.rule.",
    "unleash": CHANCE,
    "flagsmith": "12,env_",
    "launchdarkly-python": "61.",
    "split-murmur": "",
    "flagd-1": OUT,
    "flagd-3-implicit": OUT,
    "flagd-3-text": "flag-é",
    "planout-uniform": "exp.color.",
    "posthog-holdout": "held.variant",
    "amplitude": OUT,
    "configcat": "string25Cat",
    "vwo-old": "",
    "devcycle": "",
    "harness": "identifier:",
    "firebase": "f.",
    "vercel": "",
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_ids_follow_the_scheme(name: str) -> None:
    said, expected = assign(experiment(name, **SCHEMES[name]), ""), EMPTY[name]
    if isinstance(expected, str):
        stages = [s for d in dated_plans(experiment(name, **SCHEMES[name])) for s in d.plan.stages]
        assert said.bucket is not None
        assert said.hash_input in {f"{stage.prefix}{stage.suffix}" for stage in stages}
        assert expected in {f"{stage.prefix}{stage.suffix}" for stage in stages}
    else:
        assert (said.status, said.hash_input, said.bucket, said.variant) == (expected[0], None, None, None)
        assert said.reason.startswith("the id is empty: ")
        assert said.reason.endswith(expected[1])


def test_missing_ids_follow_the_scheme() -> None:
    for name in SCHEMES:
        said = assign(experiment(name, **SCHEMES[name]), None)
        stand_in = {"statsig": "", "statsig-gate": "", "devcycle": "null", "devcycle-wasm": "null"}.get(name)
        if stand_in is None:
            lost = name.startswith("unleash") or name in ("flagd-3-integer", "flagd-3-boolean")
            status = "not_derivable" if lost else "not_allocated"
            assert (said.unit_id, said.hash_input, said.status) == ("", None, status)
            assert said.reason.startswith("the id is missing: ")
        else:
            same = assign(experiment(name, **SCHEMES[name]), stand_in)
            assert said[2:7] == same[2:7]
            assert said.reason == f"{same.reason}; the id is missing and hashed as {stand_in!r}"


def test_planout_raises_for_ids_beyond_ascii_in_python_alone() -> None:
    python, javascript = (experiment(n, **SCHEMES[n]) for n in ("planout-uniform", "planout-weighted"))
    said = assign(python, "usér")
    assert (said.status, said.reason) == ("not_allocated", "the id is not ASCII: the SDK gives it no variant")
    assert assign(javascript, "usér").bucket is not None


def test_a_bucketing_id_is_hashed_in_place_of_the_unit_id() -> None:
    """Bucket 9878 of user-1; the override is of the unit, not of what is hashed."""
    given = experiment(
        "exp-1", HALVES, scheme="sha256", salt="s1", unit="account", overrides={"someone": "control"}
    )
    said = assign(given, "u", bucketing_id="user-1")
    assert (said.unit_id, said.hash_input, said.bucket, said.variant) == (
        "u",
        "s1:exp-1:user-1",
        9878,
        "blue",
    )
    assert assign(given, "someone", bucketing_id="user-1").variant == "control"
    assert assign(given, "user-1").bucket == 9878


def test_override_beats_the_hash() -> None:
    given = experiment("exp-1", HALVES, scheme="sha256", salt="s1", overrides={"user-1": "control"})
    said = assign(given, "user-1")
    assert (said.variant, said.status, said.bucket) == ("control", "override", 9878)
    assert said.reason == "listed under overrides; the hash gives blue"
    assert assign(given, "user-0").status == "assigned"


def test_the_gate_that_kept_a_unit_out_is_what_is_shown() -> None:
    group = {"id": "333333", "start": 3000, "end": 10_000}
    allocations = [{"variant": "control", "end": 5000}, {"variant": "blue", "end": 10_000}]
    given = experiment("e", HALVES, scheme="optimizely", entity_id="1", group=group, allocations=allocations)
    said = assign(given, "ppid1")
    assert (said.variant, said.status, said.hash_input) == (None, "not_allocated", "ppid1333333")
    assert said.boundaries == (Segment(3000, 10_000, "*"),)
    assert said.bucket is not None
    assert said.bucket < 3000
    assert said.reason == f"bucket {said.bucket} of the group 333333 has no variant"


def test_not_derivable() -> None:
    said = assign(experiment("e", HALVES, scheme="none"), "u")
    assert said == Assigned(
        "u",
        "none",
        None,
        None,
        (),
        None,
        "not_derivable",
        "scheme none: variants are not derived from a hash",
    )


def test_history_by_time() -> None:
    history = [{"from": "2026-10-01T00:00:00Z", "salt": "old"}, {"from": "2026-10-05T00:00:00Z"}]
    given = experiment("exp-1", HALVES, scheme="sha256", salt="s1", history=history)
    old = assign(given, "user-1", at=datetime(2026, 10, 4, tzinfo=UTC))
    assert old.hash_input == "old:exp-1:user-1"
    assert assign(given, "user-1", at=datetime(2026, 10, 5, tzinfo=UTC)).bucket == 9878
    assert assign(given, "user-1").bucket == 9878
    assert assign(given, "user-1", at="2026-10-05T01:59:59+02:00") == old
    for wrong in (datetime(2026, 10, 5), "2026-10-05"):
        with pytest.raises(
            UsageError, match=r"^at = .*offset.*\n  allowed: a datetime with tzinfo, or text such as "
        ):
            assign(given, "user-1", at=wrong)
    early = assign(given, "user-1", at=datetime(2026, 9, 30, tzinfo=UTC))
    assert (early.status, early.reason) == ("not_derivable", "the time is before the first entry of history")
