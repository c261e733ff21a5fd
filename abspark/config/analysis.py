"""How an experiment's results are computed and what they must show for a treatment to ship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, Strict

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import Number

_OF_OTHER_METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "fixed": ("prior",),
    "bayesian": ("sides", "correction", "interval", "relative_interval"),
}
"""Method -> the keys that it has no use for."""


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


class Analysis(ConfigModel):
    """Method, error rate and what ships. `correction` adjusts p over primary metrics x treatments."""

    method: Literal["fixed", "bayesian"] = "fixed"
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    sides: Annotated[int, Strict(), Field(ge=1, le=2)] = 2
    correction: Literal[
        "none", "bonferroni", "holm", "hochberg", "benjamini_hochberg", "benjamini_yekutieli"
    ] = "holm"
    interval: Literal["wald", "newcombe", "agresti_caffo"] = Field(
        default="wald", description="interval of the difference of proportions"
    )
    relative_interval: Literal["delta", "fieller"] = "delta"
    prior: Prior = Field(default=Prior(), description="method bayesian only")
    ship_when: Literal["all", "any"] = Field(
        default="all", description="primary metrics that must be better for a treatment to ship"
    )

    @rule("method")
    def _keys_have_an_effect(self) -> Iterator[Problem]:
        for key in _OF_OTHER_METHODS[self.method]:
            if key in self.model_fields_set:
                yield Problem((key,), f"has no effect with method {self.method}", "leave it out")
