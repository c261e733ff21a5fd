"""GrowthBook: FNV-1a of the hash attribute and a seed, in two versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import AliasChoices, Field

from abspark.config.base import ConfigModel, Problem, no_truth_values, rule
from abspark.config.schemes.base import Faults, Fraction, Hashed, Period, Variants
from abspark.config.schemes.parts import (
    Share,
    ShareRange,
    VariantShareRange,
    allocation_faults,
    sizes_of,
    unknown_variants,
)
from abspark.config.values import Name

HashVersion = Literal[1, 2]
VERSIONS: Final = "1 or 2"


class Namespace(ShareRange):
    """The part of a namespace that the experiment owns."""

    id: str


class Filter(ConfigModel):
    """A unit must fall into one of `ranges` of its own hash with `seed`."""

    seed: str
    ranges: Annotated[tuple[ShareRange, ...], Field(min_length=1)]
    hash_version: HashVersion = 2

    _number = no_truth_values("hash_version", allowed=VERSIONS)


class ForceRule(ConfigModel):
    """A feature's rule of the kind `force`: units within `coverage` (inclusive) or `range` get `variant`.

    The others get `otherwise`, what the later rules or the feature's default give them; absent, they are not in the
    experiment. The scheme's `seed` is then the rule's or, where it has none, the feature's id.
    """

    variant: Name
    coverage: Share | None = None
    range: ShareRange | None = None
    otherwise: Name | None = None

    @rule("coverage", "range")
    def _one_of_them(self) -> Iterator[Problem]:
        if self.coverage is None and self.range is None:
            yield Problem(("coverage",), "is needed where there is no range")
        elif self.coverage is not None and self.range is not None:
            yield Problem(("coverage",), "has no effect beside range")


class GrowthBookPeriod(Period):
    """The `growthbook` scheme from one instant on."""

    force: ForceRule | None = None
    seed: str | None = None
    coverage: Fraction | None = None
    ranges: tuple[VariantShareRange, ...] | None = None


class GrowthBook(Hashed):
    """`version` is its hashVersion; `seed` the experiment's seed or, where it has none, its tracking key.

    `sdk` is the one that assigned: on ids beyond ASCII they hash different characters, and Java counts in
    floats. `ranges` replace weights and coverage. `filters` replace the namespace, as in the SDK. `force` is a rule
    that forces a value on a share of the units, in place of an experiment.
    """

    scheme: Literal["growthbook"]
    sdk: Literal["javascript", "python", "go", "java", "php"]
    version: HashVersion = Field(validation_alias=AliasChoices("version", "hash_version"))
    seed: str
    coverage: Fraction = 1.0
    ranges: tuple[VariantShareRange, ...] = ()
    namespace: Namespace | None = None
    filters: tuple[Filter, ...] = ()
    force: ForceRule | None = None
    history: tuple[GrowthBookPeriod, ...] = ()

    _number = no_truth_values("version", "hash_version", allowed=VERSIONS)

    def own_faults(self, variants: Variants) -> Faults:
        """Ranges that do not fit the variants, and a rule that forces others."""
        faults = allocation_faults(variants, self.ranges, "ranges") if self.ranges else []
        if self.force is None:
            return faults
        named = {"force.variant": self.force.variant, "force.otherwise": self.force.otherwise}
        return [*faults, *unknown_variants(variants, named)]

    def sizes(self) -> dict[str, float]:
        """Parts of the unit interval, where they are listed."""
        return sizes_of(self.ranges)

    @rule("force", "ranges", "coverage", "namespace")
    def _force_or_experiment(self) -> Iterator[Problem]:
        experiment = {
            "ranges": self.ranges,
            "coverage": self.coverage != 1.0,
            "namespace": self.namespace,
        }
        for key, given in experiment.items():
            if self.force is not None and given:
                yield Problem((key,), "has no effect on a rule that forces a value")

    @rule("ranges", "coverage")
    def _ranges_or_coverage(self) -> Iterator[Problem]:
        if self.ranges and self.coverage != 1.0:
            yield Problem(("coverage",), "has no effect beside ranges")

    @rule("namespace", "filters")
    def _filters_or_namespace(self) -> Iterator[Problem]:
        if self.namespace and self.filters:
            yield Problem(("namespace",), "has no effect beside filters")
