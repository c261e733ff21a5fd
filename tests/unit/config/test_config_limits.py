"""Limits that the pipeline's codes rely on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from abspark.config import Experiment


def experiment(**given: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "id": "e",
            "variants": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-15T00:00:00Z",
            "exposures": "x",
            "metrics": {"primary": ["m"]},
            **given,
        }
    )


def test_ten_segments_fit_into_a_long_and_no_more() -> None:
    assert len(experiment(segments=[f"s{i}" for i in range(10)]).segments) == 10
    with pytest.raises(ValidationError, match="at most 10 items"):
        experiment(segments=[f"s{i}" for i in range(11)])
