"""Experiments of every hash scheme and version, and awkward unit ids, for the project's own vectors."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any, Final

from abspark.config import Experiment

VARIANTS: Final = [("control", 0.5), ("blue", 0.3), ("green", 0.2)]


def experiment(name: str, variants: list[tuple[str, float]] | None = None, **assignment: Any) -> Experiment:
    given = variants or VARIANTS
    return Experiment.model_validate(
        {
            "id": name,
            "variants": [{"key": key, "weight": weight} for key, weight in given],
            "control": given[0][0],
            "start": "2026-10-01T00:00:00Z",
            "end": "2026-11-01T00:00:00Z",
            "exposures": "web",
            "metrics": {"primary": ["conversion"]},
            "assignment": assignment,
        }
    )


def ends(*values: int) -> list[dict[str, Any]]:
    return [{"variant": key, "end": end} for (key, _), end in zip(VARIANTS, values, strict=True)]


def weights(*values: float, **more: list[str]) -> list[dict[str, Any]]:
    extra = [{key: value[i] for key, value in more.items()} for i in range(len(values))]
    names = [key for key, _ in VARIANTS]
    return [{"variant": key, "weight": v, **x} for key, v, x in zip(names, values, extra, strict=True)]


def percentages(*values: float) -> list[dict[str, Any]]:
    return [{"variant": key, "percentage": v} for (key, _), v in zip(VARIANTS, values, strict=False)]


def ranges(*values: float) -> list[dict[str, Any]]:
    bounds = pairwise(values)
    return [{"variant": key, "start": a, "end": b} for (key, _), (a, b) in zip(VARIANTS, bounds, strict=True)]


def _growthbook(sdk: str, version: int, **more: Any) -> dict[str, Any]:
    return {"scheme": "growthbook", "sdk": sdk, "version": version, "seed": "seed-ü", **more}


def _launchdarkly(sdk: str, **more: Any) -> dict[str, Any]:
    return {"scheme": "launchdarkly", "sdk": sdk, "allocations": weights(33_333, 33_333, 33_334), **more}


_GATE: Final = {"config_salt": "holdout", "rule_salt": "rule", "pass_percentage": 20}
_UFC: Final = {"scheme": "eppo", "version": "ufc", "split_salt": "split-f"}
_FLAGD: Final = {"scheme": "flagd", "flag_key": "flag-é", "allocations": weights(5, 3, 2)}
_VWO: Final = {"scheme": "vwo", "percent_traffic": 60, "allocations": percentages(50, 30, 20)}
_PLANOUT: Final = {"scheme": "planout", "salt": "exp.color"}
_DRAWN: Final = {
    "name": "ns",
    "num_segments": 40,
    "experiment": "third",
    "changes": [
        {"add": "first", "segments": 20},
        {"add": "second", "segments": 10},
        {"remove": "first"},
        {"add": "third", "segments": 25},
    ],
}
_SPACE: Final = {"name": "ns", "num_segments": 10, "segments": [0, 3, 4, 7, 9]}

SCHEMES: Final[dict[str, dict[str, Any]]] = {
    "sha256": {"scheme": "sha256", "salt": "s1"},
    "sha256-listed": {
        "scheme": "sha256",
        "salt": "s2",
        "allocations": [
            *ends(3333, 5000, 8333),
            {"variant": "blue", "end": 9500},
            {"variant": None, "end": 10_000},
        ],
    },
    "sha256-traffic": {"scheme": "sha256", "salt": "é:", "traffic": 0.35},
    "growthbook-js-1": _growthbook("javascript", 1),
    "growthbook-js-2": _growthbook("javascript", 2, coverage=0.7),
    "growthbook-python": _growthbook("python", 2, namespace={"id": "ns", "start": 0.2, "end": 0.9}),
    "growthbook-java": _growthbook("java", 1, coverage=0.4),
    "growthbook-force": _growthbook(
        "javascript",
        1,
        force={"variant": "green", "coverage": 0.3, "otherwise": "blue"},
        filters=[{"seed": "f", "ranges": [{"start": 0.1, "end": 0.9}]}],
    ),
    "growthbook-force-range": _growthbook(
        "java", 2, force={"variant": "blue", "range": {"start": 0.1, "end": 0.7}}
    ),
    "growthbook-filters": _growthbook(
        "go",
        2,
        ranges=ranges(0, 0.25, 0.5, 0.9),
        filters=[{"seed": "f", "ranges": [{"start": 0, "end": 0.3}, {"start": 0.4, "end": 0.8}]}],
    ),
    "optimizely": {"scheme": "optimizely", "entity_id": "1886780721", "allocations": ends(2500, 6000, 9000)},
    "optimizely-group": {
        "scheme": "optimizely",
        "entity_id": "42",
        "group": {"id": "19", "start": 3000, "end": 8000},
        "allocations": ends(2500, 6000, 10_000),
    },
    "optimizely-holdouts": {
        "scheme": "optimizely",
        "entity_id": "43",
        "holdouts": [{"id": "global", "end": 1500}, {"id": "local", "end": 700}],
        "allocations": ends(2500, 6000, 10_000),
    },
    "optimizely-go": {
        "scheme": "optimizely",
        "sdk": "go_before_2.2.1",
        "entity_id": "44",
        "holdouts": [{"id": "global", "end": 1500}],
        "allocations": ends(2500, 6000, 10_000),
    },
    "eppo-ufc": {**_UFC, "allocations": ranges(0, 5000, 8000, 10_000)},
    "eppo-ufc-traffic": {
        **_UFC,
        "total_shards": 1000,
        "traffic": {"salt": "traffic-f", "ranges": [{"start": 0, "end": 400}, {"start": 600, "end": 700}]},
        "allocations": ranges(0, 500, 700, 1000),
    },
    "eppo-rac": {
        "scheme": "eppo",
        "version": "rac",
        "flag_key": "randomization_algo",
        "percent_exposure": 0.4533,
        "holdouts": [{"start": 500, "end": 1500}],
        "allocations": ranges(0, 3333, 6666, 10_000),
    },
    "statsig": {
        "scheme": "statsig",
        "version": "experiment",
        "salt": "285cb8f7",
        "holdouts": [_GATE],
        "layer": {"salt": "layer", "allocated": [{"start": 0, "end": 300}, {"start": 450, "end": 1000}]},
        "allocations": ends(333, 667, 1000),
    },
    "statsig-gate": {**_GATE, "scheme": "statsig", "version": "gate", "passed": "blue", "failed": "control"},
    "unleash": {
        "scheme": "unleash",
        "group_id": "Feature.x",
        "rollout": 70,
        "allocations": weights(500, 300, 200),
    },
    "unleash-feature": {
        "scheme": "unleash",
        "group_id": "g",
        "variant_group_id": "feature",
        "allocations": weights(1, 1, 1),
    },
    "unleash-node": {
        "scheme": "unleash",
        "sdk": "node",
        "group_id": "grüppe",
        "rollout": 90,
        "allocations": weights(5, 3, 2),
    },
    "launchdarkly-go": _launchdarkly("go", flag_key="hashKey", salt="saltyA"),
    "launchdarkly-python": _launchdarkly("python", seed=61),
    "posthog": {
        "scheme": "posthog",
        "flag_key": "simple-flag",
        "rollout_percentage": 45.5,
        "allocations": percentages(33.3, 33.3, 33.4),
    },
    "posthog-holdout": {
        "scheme": "posthog",
        "flag_key": "held",
        "holdout_percentage": 12.5,
        "allocations": percentages(50, 25, 20),
    },
    "configcat": {"scheme": "configcat", "setting_key": "string25Cat", "allocations": weights(25, 50, 25)},
    "amplitude": {
        "scheme": "amplitude",
        "salt": "s",
        "allocation": [{"start": 0, "end": 30}, {"start": 50, "end": 100}],
        "allocations": ranges(0, 14_316_557, 28_633_115, 42_949_673),
    },
    "planout-uniform": {
        **_PLANOUT,
        "version": "python",
        "operation": "uniform_choice",
        "allocations": weights(1, 1, 1),
    },
    "planout-weighted": {
        **_PLANOUT,
        "version": "javascript",
        "operation": "weighted_choice",
        "namespace": _SPACE,
        "allocations": weights(0.2, 0.5, 0.3),
    },
    "planout-sample": {
        **_PLANOUT,
        "version": "python",
        "operation": "sample",
        "namespace": _DRAWN,
        "allocations": weights(1, 1, 1),
    },
    "split-murmur": {
        "scheme": "split",
        "version": "murmur",
        "seed": -1_222_652_054,
        "traffic_allocation": 80,
        "traffic_allocation_seed": 987_654_321,
        "allocations": weights(50, 30, 20),
    },
    "split-legacy": {
        "scheme": "split",
        "version": "legacy",
        "seed": 467_569_525,
        "allocations": weights(50, 30, 20),
    },
    "flagsmith": {
        "scheme": "flagsmith",
        "feature_key": "12",
        "environment_key": "env",
        "control_value": "control",
        "allocations": [{"variant": "blue", "percentage": 30}, {"variant": "green", "percentage": 20.5}],
    },
    "flagsmith-segment": {
        "scheme": "flagsmith",
        "feature_key": "13",
        "segment": {"segment_key": "7", "value": 60.5, "outside": "control"},
        "allocations": [{"variant": "blue", "percentage": 30}, {"variant": "green", "percentage": 70}],
    },
    "flagd-1": {**_FLAGD, "version": 1},
    "flagd-2": {**_FLAGD, "version": 2},
    "flagd-3-implicit": {**_FLAGD, "version": 3, "bucketing": "implicit"},
    "flagd-3-text": {**_FLAGD, "version": 3, "bucketing": "text"},
    "flagd-3-integer": {**_FLAGD, "version": 3, "bucketing": "integer", "flag_key": ""},
    "flagd-3-boolean": {**_FLAGD, "version": 3, "bucketing": "boolean", "flag_key": ""},
    "vwo-old": {**_VWO, "version": "old"},
    "vwo-old-seed": {**_VWO, "version": "old", "campaign_id": "7"},
    "vwo-nb": {**_VWO, "version": "nb", "campaign_id": "7"},
    "vwo-nb2": {**_VWO, "version": "nb2", "campaign_id": "7", "account_id": "99"},
    "vwo-fme": {**_VWO, "version": "fme", "salt": "sa", "account_id": "99"},
    "vwo-group": {
        **_VWO,
        "version": "nb",
        "campaign_id": "7",
        "group": {"id": "3", "start": 2001, "end": 7000},
    },
    "devcycle": {
        "scheme": "devcycle",
        "target_id": "61536f669c69b86cccc5f15e",
        "rollout": 0.6,
        "allocations": [
            {"variant": "control", "variation_id": "aa", "percentage": 0.5},
            {"variant": "blue", "variation_id": "cc", "percentage": 0.3},
            {"variant": "green", "variation_id": "bb", "percentage": 0.2},
        ],
    },
    "devcycle-wasm": {
        "scheme": "devcycle",
        "sdk": "wasm",
        "target_id": "61536f669c69b86cccc5f15e",
        "allocations": [
            {"variant": "control", "variation_id": "aa", "percentage": 0.4},
            {"variant": "blue", "variation_id": "cc", "percentage": 0.3},
            {"variant": "green", "variation_id": "bb", "percentage": 0.3},
        ],
    },
    "harness": {"scheme": "harness", "bucket_by": "identifier", "allocations": weights(50, 30, 20)},
    "mozilla": {
        "scheme": "mozilla",
        "slug": "slug-1",
        "bucket": {"namespace": "ns-1", "start": 700, "count": 600, "total": 1000},
        "allocations": weights(1, 2, 1),
    },
    "mozilla-sample": {
        "scheme": "mozilla",
        "slug": 'slug "2"',
        "stable_sample": {"recipe_id": 123, "rate": 0.8},
        "bucket": {"namespace": "ns\\2", "start": 0, "count": 900, "total": 1000},
        "allocations": weights(2, 1, 1),
    },
    "firebase": {
        "scheme": "firebase",
        "seed": "f",
        "allocations": ranges(0, 40_000_000, 60_000_000, 90_000_000),
    },
    "firebase-open": {
        "scheme": "firebase",
        "seed": "",
        "allocations": [
            {"variant": "control", "end": 50_000_000},
            {"variant": "blue", "start": 50_000_000, "end": 80_000_000},
            {"variant": "green", "start": 80_000_000},
        ],
    },
    "vercel": {"scheme": "vercel", "seed": 12345, "allocations": weights(5, 3, 2)},
}
"""Scheme, version and stages, each with different numbers, so that no two experiments agree by accident."""


def experiments() -> list[Experiment]:
    return [experiment(name, **assignment) for name, assignment in SCHEMES.items()]


NUMBERS: Final = [
    *("23", "24", "255", "256", "65535", "65536", "4294967295", "4294967296", "999999999999999"),
    *("-24", "-25", "-256", "-257", "-65536", "-65537", "-4294967296", "-4294967297", "-999999999999999"),
    *("1000000000000000", "-0", "+1", "12\n"),
]
"""Whole numbers at the ends of CBOR's widths, and what is none, or none that a double holds."""


def unit_ids() -> list[str]:
    """Short, numeric-looking, beyond ASCII, beyond the BMP, with separators, long; then seeded random ones."""
    rng = random.Random(20261001)
    alphabet = "abcXYZ0189-_:.,/\"'\\ \t\x7féñß漢字🙂😀"
    fixed = [
        "",
        "0",
        "007",
        "-1",
        "1e3",
        "a",
        "ab",
        "abc",
        "abcd",
        "user-0",
        "é",
        "🙂",
        "a🙂b",
        "日本語",
        "b:c",
        " ",
        "true",
        "false",
        *NUMBERS,
        "\x00\x08\x0b\x1f\x7f\u2028",
        '\x00\\"\b\f\n\r\t',
    ]
    long = ["x" * 4096, "é🙂-" * 600, "k" * 255, "k" * 256]
    drawn = ["".join(rng.choices(alphabet, k=rng.randrange(1, 40))) for _ in range(30)]
    return [*fixed, *long, *drawn, *(f"{rng.getrandbits(128):032x}" for _ in range(20))]
