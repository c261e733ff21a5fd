"""Thresholds of the health checks: every key arrives and has its default."""

from __future__ import annotations

from typing import Any

import pytest
from conf_directory import BUTTON, Conf

FAILS = {"threshold": 0.001, "severity": "fail"}
WARNS = {"threshold": 0.001, "severity": "warn"}
DEFAULTS: dict[str, Any] = {
    "srm": FAILS,
    "srm_sequential": FAILS,
    "weights_changed": {"severity": "fail"},
    "several_variants": {"warn": 0.01, "fail": 0.05},
    "several_variants_balanced": WARNS,
    "hash": {"warn": 0.0, "fail": 0.001},
    "hash_capture": FAILS,
    "hash_assignment": FAILS,
    "drops_balanced": WARNS,
    "covariate_balance": WARNS,
    "covariate_history": {"warn": 0.01, "fail": 1.0},
    "traffic": WARNS,
    "unmatched_events": {"warn": 0.99, "fail": 0.999},
    "duplicates": {"warn": 0.05, "fail": 0.5},
    "distant_copies": {"warn": 0.0, "fail": 0.001},
    "events_before_exposure": {"warn": 0.5, "fail": 1.0},
    "exposures_outside_interval": {"warn": 0.05, "fail": 0.5},
    "exposures_lost": {"warn": 0.01, "fail": 0.1},
    "events_without_id": {"warn": 0.1, "fail": 0.9},
    "events_without_time": {"warn": 0.01, "fail": 0.1},
    "bad_values": {"warn": 0.01, "fail": 0.9},
    "late_rows": {"warn": 0.01, "fail": 0.05},
    "clock": {"warn": 0.0001, "fail": 0.01},
    "bots": {"warn": 0.001, "fail": 0.01},
}


def health(conf: Conf) -> dict[str, Any]:
    return conf.load().experiments["button"].health.model_dump()


def test_defaults(conf: Conf) -> None:
    assert health(conf) == DEFAULTS


@pytest.mark.parametrize("check", DEFAULTS)
def test_each_check_is_configurable_on_its_own(conf: Conf, check: str) -> None:
    other = {"threshold": 0.02, "severity": "warn", "warn": 0.03, "fail": 0.3}
    if DEFAULTS[check].get("severity") == "warn":
        other["severity"] = "fail"
    given = {key: other[key] for key in DEFAULTS[check]}
    written = ", ".join(f"{key}: {value}" for key, value in given.items())
    conf.edit(BUTTON, "segments: [country]\n", f"health: {{{check}: {{{written}}}}}\n")
    assert health(conf) == DEFAULTS | {check: given}
