"""What is measured per unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import Duration, Name, Number, Text, WindowEnd

Kind = Literal[
    "proportion", "mean", "count", "ratio", "retention", "quantile",
    "distinct", "min", "max", "latest", "time_to", "funnel",
]  # fmt: skip
Form = Literal["proportion", "mean", "ratio", "quantile"]

TAKES_VALUE: Final = ("mean", "quantile", "distinct", "min", "max", "latest")
PRESENT_ONLY: Final = ("min", "max", "latest")
"""Kinds of which a unit without events has no value: it leaves n."""
CAPPED: Final = ("mean", "count", "distinct", "min", "max", "latest")
SUMMED: Final = ("proportion", "mean", "count", "ratio", "retention")
"""Kinds whose value before exposure can be their own covariate, and whose days add up."""
_COMPLETE: Final = ("retention", "time_to")
_FORMS: Final[dict[str, Form]] = {
    "proportion": "proportion",
    "retention": "proportion",
    "funnel": "proportion",
    "ratio": "ratio",
    "quantile": "quantile",
}
_SEQUENTIAL: Final = ("group_sequential", "anytime")

Probability = Annotated[Number, Field(gt=0, lt=1)]


class Window(ConfigModel):
    """Half-open interval [start, end) relative to a unit's first exposure, in which events count.

    A negative start reaches before the exposure, as a placebo metric wants; a positive one is a conversion delay.
    """

    start: Duration = Field(default=timedelta(0), json_schema_extra={"default": "0d"})
    end: WindowEnd = Field(description="a duration, or `open`: until as_of")
    anchor: Literal["exposure", "experiment_start"] = Field(
        default="exposure", description="what start and end are counted from"
    )

    @rule("start", "end")
    def _not_empty(self) -> Iterator[Problem]:
        if isinstance(self.end, timedelta) and self.start >= self.end:
            yield Problem(("end",), "the window is empty", "an end after start")

    @property
    def closes(self) -> timedelta | None:
        """The end as a duration; None where the window stays open."""
        return self.end if isinstance(self.end, timedelta) else None


class Side(ConfigModel):
    """Numerator or denominator of a ratio: how many events count, the sum of `value`, or distinct values of `distinct`.

    With `distinct` as denominator the ratio is a mean per finer unit (sessions of users, users of shops), whose
    variance is taken over the randomised units.
    """

    source: Name | None = Field(default=None, description="default: the metric's source")
    where: Text | None = None
    value: Text | None = None
    distinct: Text | None = None
    window: Window | None = Field(default=None, description="default: the metric's window")

    @rule("value", "distinct")
    def _one_of_two(self) -> Iterator[Problem]:
        if self.value is not None and self.distinct is not None:
            yield Problem(("distinct",), "value and distinct exclude each other")


class Cap(ConfigModel):
    """Bounds of the values of units: a number, or a quantile of the values of all variants together.

    Values beyond a bound count as the bound. Quantiles are taken over units with a value other than 0, or over all.
    """

    value: Number | None = Field(default=None, description="upper bound")
    quantile: Probability | None = Field(default=None, description="upper bound as a quantile")
    lower_value: Number | None = None
    lower_quantile: Probability | None = None
    over: Literal["nonzero", "all"] = Field(default="nonzero", description="units whose quantile is taken")

    @rule("value", "quantile", "lower_value", "lower_quantile")
    def _a_bound(self) -> Iterator[Problem]:
        given = (self.value, self.quantile, self.lower_value, self.lower_quantile)
        if all(bound is None for bound in given):
            yield Problem((), "no bound is given", "value or quantile, lower_value or lower_quantile")
        if self.value is not None and self.quantile is not None:
            yield Problem(("quantile",), "value and quantile exclude each other")
        if self.lower_value is not None and self.lower_quantile is not None:
            yield Problem(("lower_quantile",), "lower_value and lower_quantile exclude each other")
        for low, high in ((self.lower_value, self.value), (self.lower_quantile, self.quantile)):
            if low is not None and high is not None and low >= high:
                yield Problem((), "the lower bound is not below the upper one")

    @property
    def by_quantile(self) -> bool:
        """Whether a bound is only known once the values are."""
        return self.quantile is not None or self.lower_quantile is not None


class Covariate(ConfigModel):
    """A value of the unit before exposure that takes variance out (CUPED).

    The metric itself, or another one, over `lookback` before the first exposure, without a cap; or a numeric attribute.
    """

    lookback: Duration | None = None
    metric: Name | None = Field(default=None, description="default: the metric itself")
    attribute: Name | None = Field(default=None, description="a numeric attribute of the exposure source")

    @rule("lookback", "metric", "attribute")
    def _one_kind(self) -> Iterator[Problem]:
        if (self.lookback is None) == (self.attribute is None):
            yield Problem((), "exactly one of lookback and attribute must be given")
        if self.attribute is not None and self.metric is not None:
            yield Problem(("metric",), "has no effect with attribute", "leave it out")
        if self.lookback is not None and self.lookback <= timedelta(0):
            yield Problem(("lookback",), "reaches back by nothing", "a duration above 0 such as 14d")


class Trigger(ConfigModel):
    """Only units with such an event at or after their first exposure are analysed; windows count from the first one."""

    source: Name
    where: Text | None = None
    within: Duration | None = Field(default=None, description="how long after the exposure; default: ever")

    @rule("within")
    def _some_time(self) -> Iterator[Problem]:
        if self.within is not None and self.within <= timedelta(0):
            yield Problem(("within",), "leaves no time", "a duration above 0 such as 1d")


class Step(ConfigModel):
    """A step of a funnel: an event that passes `where`, at or after the step before it."""

    name: Name
    where: Text | None = None
    source: Name | None = Field(default=None, description="default: the metric's source")


class Metric(ConfigModel):
    """A number per unit, from the events of one source that pass `where` within the window.

    proportion: 1 where any event counts, else 0; count: how many count; mean: the sum of `value` over them;
    ratio: the sum of numerators over the sum of denominators; retention: a proportion of units whose window is over;
    distinct: distinct values; min, max, latest: of the values, over units that have one; time_to: days to the first
    event, at most the window's length, over units whose window is over; funnel: 1 where all steps happened in order;
    quantile: of the units' sums, or of the values of all events.
    """

    name: Name
    extends: Name | None = Field(
        default=None, description="a metric from which all keys are taken that are not given here"
    )
    kind: Kind
    source: Name | None = None
    where: Text | None = Field(default=None, description="Spark SQL condition on the source's columns")
    value: Text | None = Field(default=None, description="Spark SQL expression over the source's columns")
    window: Window
    window_policy: Literal["all", "complete"] | None = Field(
        default=None, description="units to analyse: all, or those whose window is over; default: by method"
    )
    numerator: Side | None = None
    denominator: Side | None = None
    different_windows: bool = Field(
        default=False, description="whether the sides of a ratio may have different windows"
    )
    quantile: Probability | None = None
    of: Literal["units", "events"] = Field(default="units", description="whose values a quantile is of")
    steps: tuple[Step, ...] = ()
    cap: Cap | None = None
    covariate: Covariate | None = None
    trigger: Trigger | None = None
    direction: Literal["increase", "decrease"] = Field(default="increase", description="which way is better")
    description: str | None = None
    owner: str | None = None
    unit_label: str | None = Field(default=None, description="what the number counts, e.g. EUR or seconds")

    @property
    def form(self) -> Form:
        """How statistics treat the metric."""
        return _FORMS.get(self.kind, "mean")

    @property
    def better(self) -> int:
        """+1 where more is better, -1 where less is."""
        return 1 if self.direction == "increase" else -1

    @property
    def sources(self) -> tuple[str, ...]:
        """The event sources that the metric reads, its own covariate's included, each once."""
        sides = [
            side.source or self.source for side in (self.numerator, self.denominator) if side is not None
        ]
        steps = [step.source or self.source for step in self.steps]
        trigger = [self.trigger.source] if self.trigger is not None else []
        own = [] if sides or steps else [self.source]
        return tuple(dict.fromkeys(name for name in (*own, *sides, *steps, *trigger) if name is not None))

    @property
    def partial_funnels(self) -> tuple[Metric, ...]:
        """A funnel cut after each step but the last, as metrics of their own named `metric.step`."""
        return tuple(
            self.model_copy(
                update={
                    "name": f"{self.name}.{self.steps[last].name}",
                    "steps": self.steps[: last + 1],
                    "description": f"Units that reached the step {self.steps[last].name} of {self.name}.",
                }
            )
            for last in range(len(self.steps) - 1)
        )

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows in which its events count, each once."""
        sides = (self.numerator, self.denominator)
        return tuple(
            dict.fromkeys(
                self.window if side is None or side.window is None else side.window for side in sides
            )
        )

    @property
    def reach(self) -> timedelta:
        """How long after the first exposure its longest window that closes is over; a trigger's wait included."""
        ends = (w.closes for w in self.windows if w.anchor == "exposure")
        longest = max((end for end in ends if end is not None), default=timedelta(0))
        wait = (
            self.trigger.within
            if self.trigger is not None and self.trigger.within is not None
            else timedelta(0)
        )
        return max(longest, timedelta(0)) + wait

    def complete_only(self, method: str) -> bool:
        """Whether only units whose window is over are analysed by this method."""
        if self.kind in _COMPLETE or method in _SEQUENTIAL:
            return True
        return self.window_policy == "complete"

    @rule("kind", "value", "source", "numerator", "denominator")
    def _value_and_source_fit_kind(self) -> Iterator[Problem]:
        needed = {"mean": "the expression that is summed per unit"}
        takes = self.kind in TAKES_VALUE
        if takes and self.value is None and self.kind != "quantile":
            what = needed.get(self.kind, "the expression whose values are taken")
            yield Problem((), f"kind {self.kind} needs value: {what}")
        if not takes and self.value is not None:
            yield Problem(("value",), f"kind {self.kind} takes no value", f"kinds {', '.join(TAKES_VALUE)}")
        sides = (self.numerator, self.denominator)
        if self.source is None and self.kind not in ("ratio", "funnel"):
            yield Problem(("source",), "is missing: the event source whose events count")
        if self.kind == "ratio":
            for name, side in zip(("numerator", "denominator"), sides, strict=True):
                if side is None:
                    yield Problem((), f"kind ratio needs {name}: what it counts or sums")
                elif side.source is None and self.source is None:
                    yield Problem((name, "source"), "is missing, here and in the metric")
        elif any(side is not None for side in sides):
            yield Problem((), f"kind {self.kind} has no numerator and denominator", "kind ratio")

    @rule("kind", "where", "source", "steps")
    def _steps_fit_kind(self) -> Iterator[Problem]:
        if self.kind == "funnel" and len(self.steps) < 2:
            yield Problem(("steps",), "a funnel needs at least two steps")
        if self.kind != "funnel" and self.steps:
            yield Problem(("steps",), f"kind {self.kind} has no steps", "kind funnel")
        if self.kind in ("ratio", "funnel") and self.where is not None:
            where = "its sides" if self.kind == "ratio" else "its steps"
            yield Problem(("where",), f"kind {self.kind} takes its conditions from {where}")
        names = [step.name for step in self.steps]
        for index, step in enumerate(self.steps):
            if step.name in names[:index]:
                yield Problem(("steps", index, "name"), "is the name of two steps")
            if step.source is None and self.source is None:
                yield Problem(("steps", index, "source"), "is missing, here and in the metric")

    @rule("kind", "quantile", "of", "value")
    def _quantile_fits_kind(self) -> Iterator[Problem]:
        if (self.kind == "quantile") != (self.quantile is not None):
            yield Problem(
                ("quantile",), "goes with kind quantile, and that needs it", "0.95 for the 95th percentile"
            )
        if self.kind != "quantile" and self.of != "units":
            yield Problem(("of",), "has no effect without kind quantile")
        if self.of == "events" and self.value is None:
            yield Problem(("of",), "events have no value: give value")

    @rule("kind", "cap", "covariate", "trigger")
    def _extras_fit_kind(self) -> Iterator[Problem]:
        if self.cap is not None and self.kind not in CAPPED:
            yield Problem(("cap",), f"kind {self.kind} takes no cap", f"kinds {', '.join(CAPPED)}")
        if self.covariate is None:
            return
        if self.kind == "quantile":
            yield Problem(("covariate",), "a quantile can't be adjusted by a covariate", "leave it out")
        elif (
            self.covariate.lookback is not None and self.covariate.metric is None and self.kind not in SUMMED
        ):
            yield Problem(
                ("covariate",),
                f"kind {self.kind} can't be its own covariate",
                "name another metric or an attribute",
            )

    @rule("kind", "window", "window_policy", "numerator", "denominator", "different_windows", "trigger")
    def _windows_agree(self) -> Iterator[Problem]:
        if self.kind in _COMPLETE and self.window_policy == "all":
            yield Problem(
                ("window_policy",), f"kind {self.kind} is of units whose window is over", "complete"
            )
        if len(self.windows) > 1 and not self.different_windows:
            yield Problem(
                (),
                "numerator and denominator have different windows",
                "one window, or different_windows: true",
            )
        if self.kind == "time_to" and self.window.closes is None:
            yield Problem(
                ("window", "end"), "time is censored at the window's end, so it needs one", "a duration"
            )
        if self.trigger is not None and any(
            w.anchor != "exposure" or w.start < timedelta(0) for w in self.windows
        ):
            yield Problem(
                ("window",), "windows of a triggered metric count from the trigger and start at or after it"
            )
