"""Schemes that share units out otherwise than by the variants' weights are told, as the checks judge by weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hash_cases import SCHEMES, VARIANTS, ends, experiment

from abspark.analysis.health_srm import srm_checks
from abspark.assignment.compiled import dated_plans
from abspark.assignment.plan import IN, Plan
from abspark.cli import cli
from abspark.config.starter import write_starter

CONTRADICTED = (
    "the assignment gives 'control' 0.1 of the units in it, its weight is 0.5",
    "the assignment gives 'blue' 0.2 of the units in it, its weight is 0.3",
    "the assignment gives 'green' 0.7 of the units in it, its weight is 0.2",
)


def _shares(plan: Plan) -> dict[str, float]:
    """What chance gives each variant, from the compiled buckets of every stage."""
    shares, left = dict[str, float](), 1.0
    for stage in plan.stages:
        further = 0.0
        for start, end, outcome in stage.segments:
            part = left * (end - start) / stage.modulus
            if outcome == IN:
                further += part
            else:
                shares[outcome] = shares.get(outcome, 0.0) + part
        left = further
    return shares


@pytest.mark.parametrize("name", SCHEMES)
def test_sizes_are_what_the_buckets_share_out(name: str) -> None:
    given = experiment("e", **SCHEMES[name])
    sizes = given.assignment.sizes()
    shares = _shares(dated_plans(given)[0].plan)
    if not sizes and name != "growthbook-force" and name != "growthbook-force-range":
        sizes = dict(VARIANTS)
    for variant, size in sizes.items():
        assert size / sum(sizes.values()) == pytest.approx(
            shares.get(variant, 0.0) / sum(shares.values()), abs=0.01
        )


def test_a_trial_has_its_probability() -> None:
    two = [("control", 0.5), ("blue", 0.5)]
    given = experiment(
        "e", two, scheme="planout", version="python", operation="bernoulli_trial", salt="s",
        allocations=[{"variant": "blue", "weight": 0.3}, {"variant": "control", "weight": 1}],
    )  # fmt: skip
    assert given.assignment.sizes() == {"blue": 0.3, "control": 0.7}
    assert len(given.doubts) == 2


def test_allocations_beside_other_weights_are_doubted() -> None:
    given = experiment("e", scheme="optimizely", entity_id="1", allocations=ends(1000, 3000, 10_000))
    assert given.doubts == CONTRADICTED
    assert (
        experiment("e", scheme="optimizely", entity_id="1", allocations=ends(5000, 8000, 10_000)).doubts == ()
    )


def test_weights_of_an_entry_of_history_are_compared_with_its_allocations() -> None:
    history = [
        {"from": "2026-10-01T00:00:00Z", "weights": {"control": 0.1, "blue": 0.2, "green": 0.7}},
        {"from": "2026-10-04T00:00:00Z", "allocations": ends(5000, 8000, 10_000)},
    ]
    allocated = {"scheme": "sha256", "salt": "s", "allocations": ends(1000, 3000, 10_000)}
    assert experiment("e", **allocated, history=history).doubts == ()
    assert experiment("e", **allocated, history=history[:1]).doubts == ()
    assert experiment("e", **allocated).doubts == CONTRADICTED


def test_a_sample_ratio_that_the_configuration_explains_is_not_blamed_on_the_log() -> None:
    given = experiment("e", scheme="optimizely", entity_id="1", allocations=ends(1000, 3000, 10_000))
    counted = [
        {"experiment_id": "e", "period": 0, "day": None, "variant": name, "excluded_reason": None, "n": n}
        for name, n in (("control", 1000), ("blue", 2000), ("green", 7000))
    ]
    found = {row["check"]: row for row in srm_checks(counted, given)}
    assert found["srm"]["status"] == "fail"
    assert "the assignment gives 'control' 0.1 of the units in it" in found["srm"]["advice"]


def test_validate_asks(tmp_path: Path) -> None:
    write_starter(tmp_path)
    (path,) = (tmp_path / "conf/experiments").iterdir()
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    keys = [variant["key"] for variant in given["variants"]]
    given["assignment"] = {
        "scheme": "sha256",
        "salt": "s",
        "allocations": [{"variant": key, "end": end} for key, end in zip(keys, (1000, 10_000), strict=True)],
    }
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    said = CliRunner().invoke(cli, ["validate", "--conf", str(tmp_path / "conf")])
    assert said.exit_code == 0
    assert (
        f"the assignment gives {keys[0]!r} 0.1 of the units in it, its weight is 0.5: is that meant?"
        in said.output
    )
