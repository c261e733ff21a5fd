"""The plain-Python hashes against the vendors' published vectors, each through its scheme's own plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hash_cases import experiment
from pydantic import TypeAdapter

from abspark.assignment.compiled import plan_of
from abspark.assignment.kernels import KERNELS
from abspark.assignment.murmur import murmur3
from abspark.assignment.plan import IN, Plan
from abspark.assignment.unit import assign, bucket_of, outcome_of
from abspark.config.assignment import Assignment

HERE = Path(__file__).parent
PUBLISHED: dict[str, list[dict[str, Any]]] = json.loads(
    (HERE / "hash_vectors.json").read_text(encoding="utf-8")
)


def plan(**assignment: Any) -> Plan:
    given = TypeAdapter(Assignment).validate_python(assignment)
    return plan_of(given, "unused", [("a", 0.5), ("b", 0.5)])


def rows(vendor: str, *functions: str) -> Iterator[dict[str, Any]]:
    found = [row for row in PUBLISHED[vendor] if not functions or row["fn"].startswith(functions)]
    assert found
    return iter(found)


def share(variant: str, weight: float) -> dict[str, Any]:
    return {"variant": variant, "weight": weight}


def ending(variant: str, end: int) -> dict[str, Any]:
    return {"variant": variant, "end": end}


def test_growthbook() -> None:
    for row in rows("growthbook"):
        split = plan(
            scheme="growthbook", sdk="javascript", version=row["hashVersion"], seed=row["seed"]
        ).split
        assert bucket_of(split, row["value"]) / split.modulus == row["expect"], row


def test_optimizely_buckets_and_variations() -> None:
    ends = [ending("a", 2500), ending("b", 5000), ending("c", 7500), ending("d", 10_000)]
    for row in rows("optimizely", "bucket", "variation"):
        unit, entity = row["key"][:-1], row["key"][-1]
        split = plan(scheme="optimizely", entity_id=entity, allocations=ends).split
        bucket = bucket_of(split, unit)
        assert (bucket if row["fn"] == "bucket" else outcome_of(split, bucket)) == row["expect"], row


def test_optimizely_group() -> None:
    (row,) = rows("optimizely", "group")
    own = {"id": row["key"][-1], "start": 0, "end": 3000}
    for group, outcome in ((own, IN), ({**own, "start": 3000, "end": 6000}, None)):
        (gate,) = plan(
            scheme="optimizely", entity_id="e", group=group, allocations=[ending("a", 10_000)]
        ).gates
        assert outcome_of(gate, bucket_of(gate, row["key"][:-1])) == outcome


def test_eppo() -> None:
    for row in rows("eppo", "md5"):
        assert KERNELS["md5_8"].python(row["key"], 0, 10_000) == row["expect"], row
    ends = [0, 3333, 6666, 10_000]
    allocations = [
        {"variant": v, "start": a, "end": b}
        for v, a, b in zip(("control", "red", "green"), ends, ends[1:], strict=False)
    ]
    given = experiment(
        "e",
        [("control", 0.3333), ("red", 0.3333), ("green", 0.3334)],
        scheme="eppo",
        version="rac",
        flag_key="randomization_algo",
        percent_exposure=0.4533,
        allocations=allocations,
    )
    for row in rows("eppo", "RAC"):
        assert assign(given, row["subject"]).variant == row["expect"], row


def test_statsig() -> None:
    for row in rows("statsig", "sha256"):
        assert KERNELS["sha256_16"].python(row["key"], 0, 1 << 64) == int(row["expect"], 16), row
    for row in rows("statsig", "gate"):
        config, rule, unit = row["key"].split(".")
        split = plan(
            scheme="statsig",
            version="gate",
            config_salt=config,
            rule_salt=rule,
            pass_percentage=row["passPercentage"],
            passed="a",
            failed="b",
        ).split
        bucket = bucket_of(split, unit)
        assert (bucket, outcome_of(split, bucket)) == (row["mod10000"], "a" if row["expect"] else "b"), row
    for row in rows("statsig", "user_bucket"):
        salt, unit = row["key"].split(".")
        groups = [ending("Control", row["lt"]), ending("Test", 1000)]
        split = plan(scheme="statsig", version="experiment", salt=salt, allocations=groups).split
        assert (bucket_of(split, unit), outcome_of(split, bucket_of(split, unit))) == (
            row["mod1000"],
            row["expect"],
        )


def test_unleash() -> None:
    for row in rows("unleash"):
        group, unit = row["key"].split(":")
        percent = int(row.get("percent", 100))
        (gate,) = plan(
            scheme="unleash", group_id=group, rollout=max(percent, 1), allocations=[share("a", 1)]
        ).gates
        bucket = bucket_of(gate, unit)
        assert bucket == row.get("norm", row["expect"]), row
        if percent > 0 and "percent" in row:
            assert (outcome_of(gate, bucket) == IN) == row["expect"], row


def test_launchdarkly_in_float32() -> None:
    for row in rows("launchdarkly"):
        *key, unit = row["key"].split(".")
        parts = {"seed": int(key[0])} if len(key) == 1 else {"flag_key": key[0], "salt": key[1]}
        split = plan(scheme="launchdarkly", sdk="go", allocations=[share("a", 1)], **parts).split
        assert np.float32(bucket_of(split, unit) / 2**60) == np.float32(row["expect"]), row


def test_planout() -> None:
    for row in rows("planout", "sha1"):
        salt, _, unit = row["key"].rpartition(".")
        choices = [share("a", 1)] * int(row["fn"].rsplit(" ", 1)[1])
        split = plan(
            scheme="planout", version="python", operation="uniform_choice", salt=salt, allocations=choices
        ).split
        assert bucket_of(split, unit) == row["mod"], row


def test_posthog_rollout_of_45_percent() -> None:
    for row in rows("posthog"):
        flag, unit = row["key"].split(".")
        allocations = [{"variant": "a", "percentage": 100}]
        (gate,) = plan(scheme="posthog", flag_key=flag, rollout_percentage=45, allocations=allocations).gates
        assert (outcome_of(gate, bucket_of(gate, unit)) == IN) == row["expect"], row


def test_amplitude_murmur() -> None:
    for row in rows("amplitude"):
        assert murmur3(row["key"].encode(), 0x7F3A21EA) == row["expect"], row


def test_configcat() -> None:
    key = "string25Cat25Dog25Falcon25Horse"
    options = [share(name, 25) for name in ("Cat", "Dog", "Falcon", "Horse")]
    split = plan(scheme="configcat", setting_key=key, allocations=options).split
    for row in rows("configcat"):
        bucket = bucket_of(split, row["key"].removeprefix(key))
        assert (bucket, outcome_of(split, bucket)) == (row["mod"], row["expect"]), row


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0x02CC5D05), ("abc", 0x32D153FF), ("Nobody inspects the spammish repetition", 0xE2293B2F)],
)
def test_xxhash32(text: str, expected: int) -> None:
    """Values given with the reference implementation and its bindings, seed 0."""
    assert KERNELS["xxhash32"].python(text, 0, 1 << 32) == expected


def test_own_vectors_are_what_the_definition_gives() -> None:
    import make_vectors

    committed = make_vectors.TARGET.read_text(encoding="utf-8")
    assert json.loads(committed) == json.loads(json.dumps(make_vectors.vectors()))
