"""Who an experiment is for: rules over a unit's attributes, for services that assign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import ColumnName, Number


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | bool | int | float):
        raise ValueError("must be text, a number, true or false")  # noqa: TRY004  # pydantic reports ValueError
    return value


Value = Annotated[Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]


def _as_rule(value: Any) -> Any:
    if isinstance(value, Mapping | AudienceRule):
        return value
    return {"any_of": value if isinstance(value, list | tuple) else [value]}


class AudienceRule(ConfigModel):
    """What one attribute has to be; all that is given must hold. A unit without the attribute is outside."""

    any_of: tuple[Value, ...] | None = None
    none_of: tuple[Value, ...] | None = None
    min: Number | None = Field(default=None, description="smallest number, inclusive")
    max: Number | None = Field(default=None, description="largest number, inclusive")

    @rule("any_of", "none_of", "min", "max")
    def _says_something(self) -> Iterator[Problem]:
        if self == AudienceRule.model_construct():
            yield Problem((), "says nothing", "any_of, none_of, min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            yield Problem(("max",), "is below min, so nobody is in the audience")

    def holds(self, value: Any) -> bool:
        """Whether an attribute's value is in the audience; text is no number, and 1 is not TRUE."""
        if value is None:
            return False
        if self.any_of is not None and not _among(value, self.any_of):
            return False
        if self.none_of is not None and _among(value, self.none_of):
            return False
        if self.min is None and self.max is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


def _among(value: Any, listed: tuple[Value, ...]) -> bool:
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in listed)


Audience = dict[ColumnName, Annotated[AudienceRule, BeforeValidator(_as_rule)]]
"""Attribute to rule; a value alone or a list stands for `any_of`. A unit has to meet all of them."""
