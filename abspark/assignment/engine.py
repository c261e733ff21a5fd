"""The default scheme as a service would call it: who gets which variant, now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from abspark.assignment.unit import assign
from abspark.config import Experiment
from abspark.config.assignment import NotDerivable
from abspark.config.schemes.sha256 import Sha256
from abspark.config.values import given_instant
from abspark.errors import UsageError

_NOBODY: Mapping[str, str] = {}
_UNKNOWN: Mapping[str, Any] = {}


class AssignmentEngine:
    """Variants by the scheme `sha256` under one salt, the same that a run derives from such an experiment."""

    def __init__(self, salt: str) -> None:
        """Take the salt.

        Raises:
            UsageError: It is no text, as of a variable that is not set.
        """
        if not isinstance(salt, str):
            raise UsageError(f"the engine's salt is {salt!r}", allowed="text")
        self._salt = salt

    def assign(
        self,
        experiment: Experiment,
        unit: str,
        *,
        overrides: Mapping[str, str] = _NOBODY,
        attributes: Mapping[str, Any] = _UNKNOWN,
        at: datetime | str | None = None,
    ) -> str | None:
        """The variant of a unit `at` a time with its offset (also as ISO text; None: now).

        None where the experiment isn't running then (its status, or the time is outside [start, end)), the unit's
        `attributes` are outside its audience, or the unit is outside its traffic. Forced units have their variant
        whatever their attributes: `overrides` first, then the experiment's own. What is hashed is the unit id, or the
        attribute that the experiment's `assignment.unit` names. A salt in the experiment's history, which is dated,
        beats the engine's.

        Raises:
            UsageError: The experiment has another scheme, an override names no variant of it, `at` is no time with an
                offset, or what is hashed is a floating point number, which has no one spelling.
        """
        scheme = self._scheme(experiment)
        keys = [variant.key for variant in experiment.variants]
        if unknown := sorted({variant for variant in overrides.values() if variant not in keys}):
            raise UsageError(f"overrides name {', '.join(unknown)}", allowed=", ".join(keys))
        instant = given_instant("at", at) or datetime.now(UTC)
        if experiment.status != "running" or not experiment.start <= instant < experiment.end:
            return None
        forced = {**scheme.forced, **overrides}.get(unit)
        if forced is not None:
            return forced
        if not all(rule.holds(attributes.get(name)) for name, rule in experiment.target_audience.items()):
            return None
        hashed = unit if scheme.unit is None else attributes.get(scheme.unit)
        known = experiment.model_copy(update={"assignment": scheme})
        return assign(known, _spelled(hashed), at=instant).variant

    def _scheme(self, experiment: Experiment) -> Sha256:
        given = experiment.assignment
        if isinstance(given, NotDerivable):
            return Sha256(scheme="sha256", salt=self._salt)
        if isinstance(given, Sha256):
            return given.model_copy(update={"salt": self._salt})
        raise UsageError(
            f"{experiment.id} is assigned by the scheme {given.scheme}, not by the engine's",
            allowed="scheme sha256, or none",
        )


def _spelled(value: Any) -> str | None:
    """An id as Spark spells it, too."""
    if isinstance(value, float):
        raise UsageError(f"the id {value!r} is a floating point number", allowed="text or whole numbers")
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
