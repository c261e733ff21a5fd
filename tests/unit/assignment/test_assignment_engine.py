"""The default scheme as a service calls it; buckets of `s1:exp-1:user-…` are 3761, 9878, 2300 for users 0, 1, 2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hash_cases import experiment
from pydantic import ValidationError

from abspark.assignment import AssignmentEngine
from abspark.config import Experiment
from abspark.errors import UsageError

HALVES = [("control", 0.5), ("blue", 0.5)]
DURING = datetime(2026, 10, 5, tzinfo=UTC)


def given(**assignment: Any) -> Experiment:
    return experiment("exp-1", HALVES, **{"scheme": "none", **assignment})


def test_units_get_what_their_golden_buckets_say() -> None:
    engine = AssignmentEngine("s1")
    for known in (given(), given(scheme="sha256", salt="s1"), given(scheme="sha256", salt="another")):
        found = [engine.assign(known, f"user-{i}", at=DURING) for i in range(3)]
        assert found == ["control", "blue", "control"]
    other = [AssignmentEngine("s2").assign(given(), f"user-{i}", at=DURING) for i in range(20)]
    assert other != [engine.assign(given(), f"user-{i}", at=DURING) for i in range(20)]


@pytest.mark.parametrize(
    ("at", "variant"),
    [
        (datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 10, 1, tzinfo=UTC), "blue"),
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), "blue"),
        (datetime(2026, 11, 1, tzinfo=UTC), None),
    ],
)
def test_nobody_has_a_variant_outside_the_interval(at: datetime, variant: str | None) -> None:
    assert AssignmentEngine("s1").assign(given(), "user-1", at=at) == variant
    forced = AssignmentEngine("s1").assign(given(), "user-1", overrides={"user-1": "control"}, at=at)
    assert forced == (variant and "control")


def test_a_time_may_be_text_and_must_have_an_offset() -> None:
    engine = AssignmentEngine("s1")
    assert engine.assign(given(), "user-1", at="2026-10-05T00:00:00+02:00") == "blue"
    assert engine.assign(given(), "user-1", at="2026-10-01T01:59:59+02:00") is None
    for wrong in (datetime(2026, 10, 5), "2026-10-05T00:00:00", 5):
        with pytest.raises(
            UsageError, match=r"^at = .*\n  allowed: a datetime with tzinfo, or text such as "
        ):
            engine.assign(given(), "user-1", at=wrong)  # type: ignore[arg-type]


def test_without_a_time_it_is_now() -> None:
    long_ago, far_off = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
    past = given().model_copy(update={"start": long_ago, "end": datetime(2020, 2, 1, tzinfo=UTC)})
    ages = given().model_copy(update={"start": long_ago, "end": far_off})
    assert AssignmentEngine("s1").assign(past, "user-1") is None
    assert AssignmentEngine("s1").assign(ages, "user-1") == "blue"


@pytest.mark.parametrize("status", ["draft", "paused", "completed"])
def test_nobody_has_a_variant_unless_it_runs(status: str) -> None:
    still = given().model_copy(update={"status": status})
    assert AssignmentEngine("s1").assign(still, "user-1", at=DURING) is None


def test_traffic_history_and_overrides_of_the_experiment_count() -> None:
    engine = AssignmentEngine("s1")
    tenth = given(scheme="sha256", salt="s1", traffic=0.1)
    assert [engine.assign(tenth, f"user-{i}", at=DURING) for i in range(3)] == [None, None, None]
    listed = given(scheme="sha256", salt="s1", overrides={"user-1": "control"})
    assert engine.assign(listed, "user-1", at=DURING) == "control"
    assert engine.assign(listed, "user-1", overrides={"user-1": "blue"}, at=DURING) == "blue"
    dated = given(
        scheme="sha256",
        salt="s1",
        history=[
            {"from": "2026-10-01T00:00:00Z"},
            {"from": "2026-10-05T00:00:00Z", "weights": {"control": 0.0, "blue": 1.0}},
        ],
    )
    assert engine.assign(dated, "user-0", at=datetime(2026, 10, 4, tzinfo=UTC)) == "control"
    assert engine.assign(dated, "user-0", at=DURING) == "blue"


AUDIENCE: dict[str, Any] = {
    "country": ["DE", "AT"],
    "premium": True,
    "age": {"min": 18, "max": 65},
    "platform": {"none_of": ["web"]},
}
INSIDE = {"country": "AT", "premium": True, "age": 18, "platform": "ios"}


@pytest.mark.parametrize(
    ("change", "inside"),
    [
        ({}, True),
        ({"country": "DE", "age": 65.0}, True),
        ({"country": "FR"}, False),
        ({"country": None}, False),
        ({"premium": 1}, False),
        ({"premium": "true"}, False),
        ({"age": 17}, False),
        ({"age": 66}, False),
        ({"age": "30"}, False),
        ({"age": True}, False),
        ({"platform": "web"}, False),
        ({"platform": None}, False),
    ],
)
def test_nobody_has_a_variant_outside_the_audience(change: dict[str, Any], *, inside: bool) -> None:
    known = Experiment.model_validate(given().model_dump(exclude_unset=True) | {"target_audience": AUDIENCE})
    engine, attributes = AssignmentEngine("s1"), {**INSIDE, **change}
    assert engine.assign(known, "user-1", attributes=attributes, at=DURING) == ("blue" if inside else None)
    forced = engine.assign(known, "user-1", overrides={"user-1": "control"}, at=DURING)
    assert forced == "control", "forced units are asked nothing"


def test_an_audience_must_say_something_possible() -> None:
    for rule, message in (
        ({}, "says nothing"),
        ({"min": 2, "max": 1}, "is below min"),
        ({"is": 1}, "not permitted"),
    ):
        with pytest.raises(ValidationError, match=message):
            Experiment.model_validate(
                given().model_dump(exclude_unset=True) | {"target_audience": {"age": rule}}
            )


def test_the_attribute_that_the_experiment_names_is_hashed() -> None:
    engine, by_account = AssignmentEngine("s1"), given(scheme="sha256", salt="s1", unit="account")
    assert engine.assign(by_account, "someone", attributes={"account": "user-1"}, at=DURING) == "blue"
    assert engine.assign(by_account, "user-1", at=DURING) is None


def test_other_schemes_and_unknown_variants_are_refused() -> None:
    vendor = given(scheme="growthbook", seed="s", sdk="javascript", version=2)
    with pytest.raises(UsageError, match="exp-1 is assigned by the scheme growthbook"):
        AssignmentEngine("s1").assign(vendor, "user-1", at=DURING)
    with pytest.raises(UsageError, match="overrides name green"):
        AssignmentEngine("s1").assign(given(), "user-1", overrides={"x": "green"}, at=DURING)


def test_what_has_no_one_spelling_is_refused() -> None:
    with pytest.raises(UsageError, match="the engine's salt is None"):
        AssignmentEngine(None)  # type: ignore[arg-type] - as of an environment variable that is not set
    known = given(scheme="sha256", salt="s", unit="account")
    engine = AssignmentEngine("s1")
    for account, same in ((True, "true"), (12, "12")):
        found = engine.assign(known, "u", attributes={"account": account}, at=DURING)
        assert found == engine.assign(given(), same, at=DURING)
    with pytest.raises(UsageError, match=r"the id 12\.0 is a floating point number"):
        engine.assign(known, "u", attributes={"account": 12.0}, at=DURING)
