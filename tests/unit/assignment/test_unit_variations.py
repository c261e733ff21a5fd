"""What an SDK's version or a rule's kind changes: each against its definition, written out again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest
from hash_cases import SCHEMES, experiment, unit_ids
from pydantic import TypeAdapter

from abspark.assignment import assign
from abspark.assignment.cbor import cbor_scalar
from abspark.assignment.compiled import plan_of
from abspark.assignment.kernels import KERNELS
from abspark.assignment.murmur import murmur3
from abspark.assignment.plan import IN, Plan, Segment
from abspark.assignment.schemes.planout import plan as planout_plan
from abspark.assignment.shuffles import shuffled
from abspark.config.assignment import Assignment
from abspark.config.schemes.sha1 import PlanOut


def plan(name: str, **changes: Any) -> Plan:
    given = TypeAdapter(Assignment).validate_python({**SCHEMES[name], **changes})
    return plan_of(given, "e", [("control", 0.5), ("blue", 0.3), ("green", 0.2)])


def test_optimizely_for_go_counted_in_floats() -> None:
    """Against numpy's 32-bit floats; below 1 % of the buckets differ from the others', by one."""
    kernel = KERNELS["murmur3_scale_float32"].python
    differing = 0
    for i in range(20_000):
        value = murmur3(f"{i}44".encode(), 1)
        expected = int(np.float32(value) / np.float32(2**32) * np.float32(10_000))
        assert kernel(f"{i}44", 1, 10_000) == expected
        differing += expected != value * 10_000 >> 32
    assert 0 < differing < 200


@pytest.mark.parametrize(
    ("value", "bucket"), [(3_024_515_901, 7041), (2_310_262_881, 5378), (1_565_086_018, 3644)]
)
def test_optimizelys_floats_are_rounded_twice(
    monkeypatch: pytest.MonkeyPatch, value: int, bucket: int
) -> None:
    """Hashes of which the product rounded once lies in another bucket; found, and bucketed, with numpy's floats."""
    assert int(np.float32(value) / np.float32(2**32) * np.float32(10_000)) == bucket
    monkeypatch.setattr("abspark.assignment.murmur.murmur3", lambda *_: value)
    assert KERNELS["murmur3_scale_float32"].python("u", 1, 10_000) == bucket


def test_the_largest_hashes_reach_a_bucket_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abspark.assignment.murmur.murmur3", lambda *_: 2**32 - 1)
    assert KERNELS["murmur3_scale_float32"].python("u", 1, 10_000) == 10_000
    got = plan("optimizely-go")
    assert [s.end for s in got.split.segments][-1] == 10_000, "out"
    assert got.gates[0].segments == (Segment(1500, 10_001, IN),), "in no holdout"


def test_devcycles_core_takes_a_backslash_for_each_unit_beyond_ascii() -> None:
    python = KERNELS["murmur3_mod_ascii"].python
    assert python("usér", 5, 1 << 32) == murmur3(b"us\\r", 5)
    assert python("🙂日", 5, 1 << 32) == murmur3(b"\\\\\\", 5), "a pair of units, and one"
    for name in ("devcycle", "devcycle-wasm"):
        got = plan(name, target_id="t")
        assert {stage.seed for stage in got.stages} == {murmur3(b"t", 1)}
    wasm, script = (assign(experiment(n, **SCHEMES[n]), "é") for n in ("devcycle-wasm", "devcycle"))
    assert (wasm.bucket, script.hash_input) != (script.bucket, wasm.hash_input)


def test_growthbook_force_rules() -> None:
    """Coverage is inclusive: 0.3 of 1,000 buckets are 301. Who is not among the filtered gets the rest's variant."""
    got = plan("growthbook-force")
    assert got.split.segments == (Segment(0, 301, "green"), Segment(301, 1000, "blue"))
    (gate,) = got.gates
    assert gate.segments == (Segment(0, 1000, "blue"), Segment(1000, 9000, IN), Segment(9000, 10_000, "blue"))
    none = plan("growthbook-force", filters=[], force={"variant": "green", "coverage": 0})
    assert none.split.segments == (), "a coverage of 0 has nobody"
    ranged = plan("growthbook-force-range", force={"variant": "blue", "range": {"start": 0.1, "end": 0.3}})
    assert ranged.split.segments == (Segment(1000, 3000, "blue"),), "half-open"


def test_a_gate_may_give_a_variant() -> None:
    given = experiment("e", **SCHEMES["growthbook-force"])
    kept_out = next(said for i in range(100) if (said := assign(given, f"u{i}")).boundaries[0].end == 1000
                    and said.bucket is not None and not 1000 <= said.bucket < 9000)  # fmt: skip
    assert (kept_out.variant, kept_out.status) == ("blue", "assigned")
    assert kept_out.reason == f"bucket {kept_out.bucket} of the filter f"


def test_flagsmith_segments_are_inclusive() -> None:
    """6,048 / 9,998 is 60.49 %, 6,049 / 9,998 is 60.502 %."""
    got = plan("flagsmith-segment")
    (gate,) = got.gates
    assert gate.segments == (Segment(0, 6049, IN), Segment(6049, 9999, "control"))
    assert (gate.prefix, gate.kernel) == ("7,", "md5_32_rehashed")
    whole = plan("flagsmith-segment", segment={"segment_key": "7", "value": 50})
    assert whole.gates[0].segments == (Segment(0, 5000, IN),), "4,999 / 9,998 is 50 %"
    other = plan("flagsmith-segment", environment_key="env")
    assert (other.gates[0].prefix, other.split.prefix) == ("7,env_", "13,env_")


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("0", "00"), ("10", "0a"), ("23", "17"), ("24", "1818"), ("100", "1864"), ("1000", "1903e8"),
        ("1000000", "1a000f4240"), ("1000000000000", "1b000000e8d4a51000"), ("-1", "20"), ("-10", "29"),
        ("-100", "3863"), ("-1000", "3903e7"), ("false", "f4"), ("true", "f5"), ("IETF", "6449455446"), ("", "60"),
        ("007", "63303037"), ("1000000000000000", "7031303030303030303030303030303030"),
    ],
)  # fmt: skip
def test_cbor(text: str, encoded: str) -> None:
    """RFC 8949, appendix A; the last two are no numbers as `ID_FORMS` has them, so they are texts."""
    assert cbor_scalar(text).hex() == encoded


@pytest.mark.parametrize(
    ("name", "unit", "status"),
    [
        ("flagd-3-integer", "42", "assigned"),
        ("flagd-3-integer", "042", "not_derivable"),
        ("flagd-3-integer", "", "not_derivable"),
        ("flagd-3-boolean", "false", "assigned"),
        ("flagd-3-boolean", "1", "not_derivable"),
    ],
)
def test_flagd_values_that_are_no_texts(name: str, unit: str, status: str) -> None:
    said = assign(experiment(name, **SCHEMES[name]), unit)
    assert said.status == status
    if status == "not_derivable":
        assert said.reason.endswith(": what the service hashed can't be told from it")


def test_mozilla_hashes_json_text() -> None:
    """Each id against `json.dumps`, whose escapes are those of JSON.stringify."""
    got = plan("mozilla-sample")
    stable, bucket = got.gates
    given = experiment("e", **SCHEMES["mozilla-sample"])
    deciding = []
    for unit in unit_ids():
        pairs = {stable: [unit, 123], bucket: [unit, "ns\\2"]}
        text = f'experimentmanager-{unit}-slug "2"-branch'
        written, expected = {}, {}
        for stage, value in {**pairs, got.split: text}.items():
            written[stage] = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            expected[stage] = int(hashlib.sha256(written[stage].encode()).hexdigest()[:12], 16)
            assert KERNELS["sha256_12"].python(written[stage], 0, 1 << 48) == expected[stage]
        said = assign(given, unit)
        [stage] = [stage for stage in written if said.boundaries == stage.segments]
        assert (said.hash_input, said.bucket) == (written[stage], expected[stage])
        deciding.append(stage)
    assert set(deciding) == {stable, bucket, got.split}
    assert stable.segments == (Segment(0, int(0.8 * (2**48 - 1)), IN),)
    assert assign(given, 'a"\x01').hash_input in ('["a\\"\\u0001",123]', '["a\\"\\u0001","ns\\\\2"]',
                                                  '"experimentmanager-a\\"\\u0001-slug \\"2\\"-branch"')  # fmt: skip


def _drawn(text: str, choices: list[int]) -> list[int]:
    """Fisher-Yates with the unit i appended, written out again."""
    order = choices[:]
    for i in reversed(range(1, len(order))):
        j = int(hashlib.sha1(f"{text}.{i}".encode(), usedforsecurity=False).hexdigest()[:15], 16) % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def test_planout_sample() -> None:
    assert shuffled("s.p.u", [7, 8, 9, 10]) == _drawn("s.p.u", [7, 8, 9, 10])
    kernel = KERNELS["sha1_15_shuffle"].python
    for size in (1, 2, 3, 8):
        for unit in ("a", "b", "c", "d"):
            assert kernel(f"s.{unit}", 0, size) == _drawn(f"s.{unit}", list(range(size)))[0]


def test_planout_namespaces_are_drawn_again() -> None:
    """Adds alone leave Python's sets ascending, so that the free segments are known without one."""
    space = {
        "name": "ns",
        "num_segments": 30,
        "changes": [{"add": "a", "segments": 10}, {"add": "b", "segments": 12}],
    }
    got = {}
    for name in ("a", "b"):
        given = {**SCHEMES["planout-sample"], "namespace": {**space, "experiment": name}}
        (gate,) = planout_plan(TypeAdapter(PlanOut).validate_python(given)).gates
        got[name] = {segment.start for segment in gate.segments}
    first = _drawn("ns.sampled_segments.a", list(range(30)))[:10]
    left = [segment for segment in range(30) if segment not in first]
    assert got == {"a": set(first), "b": set(_drawn("ns.sampled_segments.b", left)[:12])}


def test_planout_namespaces_free_what_is_removed() -> None:
    (gate,) = plan("planout-sample").gates
    assert len(gate.segments) == 25
    calls = SCHEMES["planout-sample"]["namespace"]["changes"]
    second = {**SCHEMES["planout-sample"]["namespace"], "experiment": "second", "changes": calls}
    (other,) = plan("planout-sample", namespace=second).gates
    assert not {s.start for s in gate.segments} & {s.start for s in other.segments}
