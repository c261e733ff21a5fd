"""How an experiment's results are computed and what they must show for a treatment to ship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, Strict

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import Count, Number, doubt_of_share

SEQUENTIAL: Final = ("group_sequential", "anytime")
"""Methods that may be looked at before the end. They analyse units with complete windows only."""
_INTERVALS: Final = ("interval", "relative_interval")
_OF_OTHER_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "fixed": ("bayesian", *SEQUENTIAL),
    "group_sequential": ("bayesian", "anytime", *_INTERVALS),
    "anytime": ("bayesian", "group_sequential", *_INTERVALS),
    "bayesian": ("sides", "correction", *_INTERVALS, *SEQUENTIAL),
}
"""Method -> the keys that it has no use for."""
_PARAMETERS: Final[Mapping[str, tuple[float, float]]] = {"power": (0.0, 50.0), "hsd": (-40.0, 40.0)}
"""Spending family -> the open interval of its parameter."""

Positive = Annotated[Count, Field(gt=0)]


class ProportionPrior(ConfigModel):
    """Beta prior of every variant's proportion, as successes and failures seen before; 1 and 1 is uniform."""

    successes: Annotated[Number, Field(ge=0.1)] = 1.0
    failures: Annotated[Number, Field(ge=0.1)] = 1.0


class RelativeEffectPrior(ConfigModel):
    """Normal prior of the relative effect of every other metric: 0.1 is ten percent. Without `sd` it is flat."""

    mean: Number = 0.0
    sd: Annotated[Number, Field(gt=0)] | None = None

    @rule("mean", "sd")
    def _mean_needs_sd(self) -> Iterator[Problem]:
        if self.sd is None and self.mean != 0:
            yield Problem(("mean",), "a flat prior has no mean", "give sd as well")


class Prior(ConfigModel):
    """What is believed before the data, by kind of metric."""

    proportion: ProportionPrior = ProportionPrior()
    relative_effect: RelativeEffectPrior = RelativeEffectPrior()


class Bayesian(ConfigModel):
    """What method bayesian starts from."""

    prior: Prior = Prior()


class ErrorSpending(ConfigModel):
    """A spending function, and the parameter that it may need."""

    spending: Literal["obf", "pocock", "power", "hsd"] = "obf"
    parameter: Number | None = Field(default=None, description="rho of power, above 0, or gamma of hsd")

    @rule("spending", "parameter")
    def _parameter_fits(self) -> Iterator[Problem]:
        allowed = _PARAMETERS.get(self.spending)
        if allowed is None and self.parameter is not None:
            yield Problem(("parameter",), f"spending {self.spending} has no parameter", "leave it out")
        if allowed is not None and (self.parameter is None or not allowed[0] < self.parameter < allowed[1]):
            yield Problem(
                ("parameter",),
                f"spending {self.spending} needs a parameter",
                f"a number between {allowed[0]:g} and {allowed[1]:g}",
            )


class PlannedEffect(ConfigModel):
    """The improvement in the metric's direction that a plan hopes for: as a share of control's mean, or in its unit."""

    relative: Annotated[Number, Field(gt=0)] | None = None
    absolute: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="for experiments with one primary metric"
    )

    @rule("relative", "absolute")
    def _one_of_two(self) -> Iterator[Problem]:
        if (self.relative is None) == (self.absolute is None):
            yield Problem((), "exactly one of relative and absolute must be given")


class Futility(ErrorSpending):
    """When going on is futile: `beta`, 1 - power, is spent look by look under the planned `effect`.

    Non-binding: it advises to stop, and whoever goes on after all keeps alpha. For primary metrics.
    """

    effect: PlannedEffect
    beta: Annotated[Number, Field(gt=0, lt=0.5)] = 0.2


class GroupSequential(ErrorSpending):
    """When alpha is spent. `planned_units` are complete units of all variants together at the planned end."""

    planned_units: Positive
    looks: Literal["daily", "weekly"] | tuple[Positive, ...] = Field(
        default="daily",
        description="daily, weekly, or days counted from 1 at the start; the last day is always one",
    )
    futility: Futility | None = None

    @rule("looks")
    def _some_look(self) -> Iterator[Problem]:
        if self.looks == ():
            yield Problem(("looks",), "names no day", "daily, weekly, or a list of days")


class Anytime(ConfigModel):
    """Where an anytime-valid interval is narrowest: at `tuned_at` units of both arms of a comparison together.

    With `tau` the mixture sequential probability ratio test instead, for relative effects of about that size.
    """

    tuned_at: Positive = 10_000
    tau: Annotated[Number, Field(gt=0)] | None = None

    @rule("tuned_at", "tau")
    def _one_tuning(self) -> Iterator[Problem]:
        if self.tau is not None and "tuned_at" in self.model_fields_set:
            yield Problem(("tuned_at",), "has no effect with tau", "leave out the one or the other")


class Analysis(ConfigModel):
    """Method, error rate and what ships. `correction` adjusts p over primary metrics x treatments.

    With method group_sequential any correction but `none` splits alpha evenly over them.
    """

    method: Literal["fixed", "group_sequential", "anytime", "bayesian"] = "fixed"
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    sides: Annotated[int, Strict(), Field(ge=1, le=2)] = 2
    correction: Literal[
        "none", "bonferroni", "holm", "hochberg", "benjamini_hochberg", "benjamini_yekutieli"
    ] = "holm"
    estimator: Literal["cuped", "unadjusted"] = Field(
        default="cuped",
        description="which row is the headline where a metric has a covariate; both are written",
    )
    interval: Literal["wald", "newcombe", "agresti_caffo"] = Field(
        default="wald", description="interval of the difference of proportions"
    )
    relative_interval: Literal["delta", "fieller"] = "delta"
    group_sequential: GroupSequential | None = None
    anytime: Anytime = Field(default=Anytime(), description="method anytime only")
    bayesian: Bayesian = Field(default=Bayesian(), description="method bayesian only")
    ship_when: Literal["all", "any"] = Field(
        default="all", description="primary metrics that must be better for a treatment to ship"
    )

    @property
    def sequential(self) -> bool:
        """Whether the method may be looked at, and may decide, before the end."""
        return self.method in SEQUENTIAL

    def sides_of(self, role: str) -> int:
        """On how many sides a metric's test looks: guardrails are looked at from both."""
        return 2 if role == "guardrail" else self.sides

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is allowed, but hardly meant."""
        plan, prior = self.group_sequential, self.bayesian.prior.relative_effect
        hoped = None if plan is None or plan.futility is None else plan.futility.effect.relative
        return (
            *doubt_of_share("futility's relative effect of", hoped),
            *doubt_of_share("anytime's tau of", self.anytime.tau),
            *doubt_of_share("the prior's relative effect of mean", prior.mean),
            *doubt_of_share("the prior's relative effect of sd", prior.sd),
        )

    @rule("method")
    def _keys_have_an_effect(self) -> Iterator[Problem]:
        for key in _OF_OTHER_METHODS[self.method]:
            if key in self.model_fields_set:
                yield Problem((key,), f"has no effect with method {self.method}", "leave it out")
                if key == "group_sequential" and self.group_sequential and self.group_sequential.futility:
                    unused = "group_sequential", "futility"
                    yield Problem(unused, f"has no effect with method {self.method}", "leave it out")

    @rule("method", "group_sequential")
    def _sequential_has_a_plan(self) -> Iterator[Problem]:
        if self.method == "group_sequential" and self.group_sequential is None:
            yield Problem(
                (),
                "method group_sequential needs group_sequential",
                "group_sequential: {planned_units: 200000}",
            )
