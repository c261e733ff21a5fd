"""What is measured per unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import Duration, Name, Text


class Window(ConfigModel):
    """Half-open interval [start, end) relative to a unit's first exposure, in which events count.

    A negative start reaches before the exposure, as a placebo metric wants.
    """

    start: Duration = Field(default=timedelta(0), json_schema_extra={"default": "0d"})
    end: Duration

    @rule("start", "end")
    def _not_empty(self) -> Iterator[Problem]:
        if self.start >= self.end:
            yield Problem(("end",), "the window is empty", "an end after start")


class Metric(ConfigModel):
    """A number per unit, from the events of one source that pass `where`.

    proportion: 1 where any event counts, else 0; count: how many count; mean: the sum of `value` over them.
    """

    name: Name
    kind: Literal["proportion", "mean", "count"]
    source: Name
    where: Text | None = Field(default=None, description="Spark SQL condition on the source's columns")
    value: Text | None = Field(default=None, description="Spark SQL expression that is summed per unit")
    window: Window
    window_policy: Literal["all", "complete"] | None = Field(
        default=None, description="units to analyse: all, or those whose window is over; default: by method"
    )
    direction: Literal["increase", "decrease"] = Field(default="increase", description="which way is better")
    description: str | None = None
    owner: str | None = None
    unit_label: str | None = Field(default=None, description="what the number counts, e.g. EUR or seconds")

    @rule("kind", "value")
    def _value_fits_kind(self) -> Iterator[Problem]:
        if self.kind == "mean" and self.value is None:
            yield Problem((), "kind mean needs value: the expression that is summed per unit")
        if self.kind != "mean" and self.value is not None:
            yield Problem(("value",), f"kind {self.kind} takes no value", "value with kind mean only")
