"""The vendors' published hash vectors as cases: an experiment and a unit, or a kernel and a text, and what they give.

Both routes, plain Python and Spark, are held to all of them. ABSPARK_HASH_VECTORS names another file of the same shape.
A kind of row that is not known here is an error, never left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from hash_cases import experiment

from abspark.config import Experiment

FILE: Final = Path(__file__).parent / "reference" / "hash_vectors.json"
MODULI: Final = (10_000, 9_999, (1 << 31) - 1)
"""Of whole 64-bit hashes, whose Spark columns take no larger modulus."""
WORD: Final = 1 << 32


class Assigned(NamedTuple):
    """A unit of an experiment: `read` makes of its bucket and variant what was published."""

    experiment: Experiment
    unit: str
    read: Callable[[Any, Any], Any]
    expected: Any


class Hashed(NamedTuple):
    """A call of a kernel."""

    kernel: str
    text: str
    seed: int
    modulus: int
    expected: int


Row = dict[str, Any]
Case = Assigned | Hashed


def published() -> dict[str, list[Row]]:
    """The rows by vendor."""
    path = Path(os.environ.get("ABSPARK_HASH_VECTORS", FILE))
    found: dict[str, list[Row]] = json.loads(path.read_text(encoding="utf-8"))
    found.pop("source", None)
    return found


def cases(vendor: str, row: Row) -> list[Case]:
    """What the row says; at least one case."""
    found = list(VENDORS[vendor](row))
    if not found:
        raise ValueError(f"{vendor}: a kind of vector that is not known: {row}")
    return found


def _bucket(bucket: Any, variant: Any) -> Any:  # noqa: ARG001 - one of the two is what was published
    return bucket


def _variant(bucket: Any, variant: Any) -> Any:  # noqa: ARG001 - one of the two is what was published
    return variant


def _is_a(bucket: Any, variant: Any) -> Any:  # noqa: ARG001 - one of the two is what was published
    return variant == "a"


def _of(variants: list[str], **assignment: Any) -> Experiment:
    """Weights are not what the vendors' lists are about: the last has all, and one that is not listed none."""
    weights = [("not listed", 0.0), *((name, float(name == variants[-1])) for name in variants)]
    return experiment("e", weights, **assignment)


def _weights(**given: int) -> list[Row]:
    return [{"variant": name, "weight": weight} for name, weight in given.items()]


def _ends(given: dict[str, int]) -> list[Row]:
    """Without the empty ranges."""
    return [{"variant": name, "end": end} for name, end in given.items() if end > 0]


def _growthbook(row: Row) -> Iterator[Case]:
    if row["fn"] == "hash":
        scheme = {"scheme": "growthbook", "sdk": "javascript", "version": row["hashVersion"]}
        modulus = {1: 1_000, 2: 10_000}[row["hashVersion"]]
        given = _of(["a"], **scheme, seed=row["seed"])
        yield Assigned(given, row["value"], lambda bucket, _: bucket / modulus, row["expect"])


def _optimizely(row: Row) -> Iterator[Case]:
    """Where the unit ends and the entity begins makes no difference to their hash."""
    unit, entity = row["key"][:-1], row["key"][-1]
    scheme = {"scheme": "optimizely", "entity_id": entity}
    whole = {"allocations": _ends({"a": 10_000})}
    if row["fn"] == "bucket":
        yield Assigned(_of(["a"], **scheme, **whole), unit, _bucket, row["expect"])
    if row["fn"] in ("variation", "group"):
        ends = _named_ends(row["ends"])
        yield Assigned(_of([*ends], **scheme, allocations=_ends(ends)), unit, _variant, row["expect"])
    if row["fn"] == "group":
        starts = dict(zip(ends, [0, *ends.values()], strict=False))
        for name, end in ends.items():
            group = {"id": entity, "start": starts[name], "end": end}
            yield Assigned(_of(["a"], **scheme, **whole, group=group), unit, _is_a, name == row["expect"])


def _named_ends(text: str) -> dict[str, int]:
    """Of `a2500 b5000` or `one 3000, two 6000`."""
    pairs = re.findall(r"(\S+) +(\d+)", text) if "," in text else re.findall(r"(\D+?)(\d+)(?: |$)", text)
    return {name: int(end) for name, end in pairs}


def _eppo(row: Row) -> Iterator[Case]:
    if found := re.fullmatch(r"md5\[:8\] % (\d+)", row["fn"]):
        yield Hashed("md5_8", row["key"], 0, int(found[1]), row["expect"])
    if found := re.fullmatch(r"RAC (\S+): exposure<=(\d+); (.+)", row["fn"]):
        *shared, last = re.split(r"<=?", found[3])
        ends = {**dict(zip(shared[::2], map(int, shared[1::2]), strict=True)), last: 10_000}
        starts = [0, *ends.values()]
        allocations = [
            {"variant": v, "start": a, "end": b} for (v, b), a in zip(ends.items(), starts, strict=False)
        ]
        scheme = {"scheme": "eppo", "version": "rac", "flag_key": found[1]}
        given = _of([*ends], **scheme, percent_exposure=int(found[2]) / 10_000, allocations=allocations)
        yield Assigned(given, row["subject"], _variant, row["expect"])


def _statsig(row: Row) -> Iterator[Case]:
    if row["fn"] == "sha256 first 8 bytes BE":
        for modulus in MODULI:
            yield Hashed("sha256_16", row["key"], 0, modulus, int(row["expect"], 16) % modulus)
    if row["fn"] == "gate pass":
        config, rule, unit = row["key"].split(".", 2)
        scheme = {"scheme": "statsig", "version": "gate", "config_salt": config, "rule_salt": rule}
        given = _of(["a", "b"], **scheme, pass_percentage=row["passPercentage"], passed="a", failed="b")
        yield Assigned(given, unit, _bucket, row["mod10000"])
        yield Assigned(given, unit, _is_a, row["expect"])
    if row["fn"] == "user_bucket group":
        salt, unit = row["key"].split(".", 1)
        groups = _ends({"Control": row["lt"], "Test": 1_000})
        given = _of(
            ["Control", "Test"], scheme="statsig", version="experiment", salt=salt, allocations=groups
        )
        yield Assigned(given, unit, _bucket, row["mod1000"])
        yield Assigned(given, unit, _variant, row["expect"])


def _unleash(row: Row) -> Iterator[Case]:
    group, _, unit = row["key"].partition(":")
    if row["fn"] == "normalizedStrategyValue":
        yield Hashed("murmur3_mod", row["key"], row["seed"], row.get("mod", 100), row["expect"] - 1)
    if row["fn"] == "isEnabled":
        yield Hashed("murmur3_mod", row["key"], row["seed"], 100, row["norm"] - 1)
        # a rollout of 0 is refused: such an experiment has nobody
        if (percent := int(row["percent"])) > 0:
            given = _of(["a"], scheme="unleash", group_id=group, rollout=percent, allocations=_weights(a=1))
            yield Assigned(given, unit, _is_a, row["expect"])
        elif row["expect"]:
            raise ValueError(f"on for 0 percent: {row}")


def _launchdarkly(row: Row) -> Iterator[Case]:
    parts = row["key"].split(".", 2)
    key: Row = {"flag_key": parts[0], "salt": parts[1]} if len(parts) == 3 else {"seed": int(parts[0])}
    if row["fn"] == "bucket (float32 literal)":
        given = _of(["a"], scheme="launchdarkly", sdk="go", allocations=_weights(a=100_000), **key)
        expected = np.float32(row["expect"])
        yield Assigned(given, parts[-1], lambda bucket, _: np.float32(bucket / 2**60), expected)


def _planout(row: Row) -> Iterator[Case]:
    if found := re.fullmatch(r"sha1\[:15\] % (\d+)", row["fn"]):
        salt, _, unit = row["key"].rpartition(".")
        yield from _choice(salt, unit, int(found[1]), row["mod"])
    if found := re.fullmatch(r"interpreter salt (\S+) userid (\S+)", row["fn"]):
        # PlanOut's own example: goals of 8, 16, 32 or 64 ratings each for a group of 1 or 10, for 80 % of all
        told = re.fullmatch(r"specific_goal (\d), ratings_goal \d+ \(=(\d+)\*(\d+)\)", row["expect"])
        if told is not None:
            salt, unit = found.groups()
            trial = [{"variant": "a", "weight": 0.8}, {"variant": "b", "weight": 0.2}]
            yield Assigned(
                _of(["a", "b"], **_planned(f"{salt}.specific_goal", "bernoulli_trial"), allocations=trial),
                unit, _is_a, told[1] == "1",
            )  # fmt: skip
            yield from _choice(f"{salt}.group_size", unit, 2, [1, 10].index(int(told[2])))
            each = [8, 16, 32, 64].index(int(told[3]))
            yield from _choice(f"{salt}.ratings_per_user_goal", unit, 4, each)


def _planned(salt: str, operation: str) -> Row:
    return {"scheme": "planout", "version": "python", "operation": operation, "salt": salt}


def _choice(salt: str, unit: str, size: int, place: int) -> Iterator[Case]:
    choices = [f"c{i}" for i in range(size)]
    given = _of(
        choices,
        **_planned(salt, "uniform_choice"),
        allocations=[{"variant": choice, "weight": 1} for choice in choices],
    )
    yield Assigned(given, unit, _variant, choices[place])


def _posthog(row: Row) -> Iterator[Case]:
    """The rollout of this vector of posthog-python is 45 %."""
    flag, _, unit = row["key"].partition(".")
    if row["fn"] == "simple_flag_consistency":
        allocations = [{"variant": "a", "percentage": 100}]
        given = _of(["a"], scheme="posthog", flag_key=flag, rollout_percentage=45, allocations=allocations)
        yield Assigned(given, unit, _is_a, row["expect"])


def _amplitude(row: Row) -> Iterator[Case]:
    if found := re.fullmatch(r"murmur3_x86_32 seed (\w+)", row["fn"]):
        for kernel, modulus, expected in (
            ("murmur3_mod", WORD, row["expect"]),
            ("murmur3_mod", 100, row["expect"] % 100),
            ("murmur3_div", 100, row["expect"] // 100),
        ):
            yield Hashed(kernel, row["key"], int(found[1], 0), modulus, expected)


def _configcat(row: Row) -> Iterator[Case]:
    """The key has the options' names and percentages; where the last name ends and the user begins, it doesn't say."""
    if found := re.fullmatch(r"sha1\[:7\] % 100; ([\d/]+)", row["fn"]):
        yield Hashed("sha1_7", row["key"], 0, 100, row["mod"])
        *shares, last = map(int, found[1].split("/"))
        told = re.match("[a-z]+" + "".join(f"{n}([A-Z][a-z]*)" for n in shares) + str(last), row["key"])
        if told is not None:
            names = [*told.groups(), "last"]
            given = _of(
                names,
                scheme="configcat",
                setting_key=told[0],
                allocations=_weights(**dict(zip(names, [*shares, last], strict=True))),
            )
            expected = row["expect"] if row["expect"] in names else "last"
            yield Assigned(given, row["key"].removeprefix(told[0]), _variant, expected)


VENDORS: Final[dict[str, Callable[[Row], Iterator[Case]]]] = {
    "growthbook": _growthbook,
    "optimizely": _optimizely,
    "eppo": _eppo,
    "statsig": _statsig,
    "unleash": _unleash,
    "launchdarkly": _launchdarkly,
    "planout": _planout,
    "posthog": _posthog,
    "amplitude": _amplitude,
    "configcat": _configcat,
}
