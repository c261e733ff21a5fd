"""GrowthBook: FNV-1a of the hash attribute and a seed, in two versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Faults, Fraction, Hashed, Period, Variants
from abspark.config.schemes.parts import ShareRange, VariantShareRange, allocation_faults

HashVersion = Literal[1, 2]


class Namespace(ShareRange):
    """The part of a namespace that the experiment owns."""

    id: str


class Filter(ConfigModel):
    """A unit must fall into one of `ranges` of its own hash with `seed`."""

    seed: str
    ranges: Annotated[tuple[ShareRange, ...], Field(min_length=1)]
    hash_version: HashVersion = 2


class GrowthBookPeriod(Period):
    """The `growthbook` scheme from one instant on."""

    seed: str | None = None
    coverage: Fraction | None = None
    ranges: tuple[VariantShareRange, ...] | None = None


class GrowthBook(Hashed):
    """`version` is its hashVersion; `seed` the experiment's seed or, where it has none, its tracking key.

    `sdk` is the one that assigned: on ids beyond ASCII they hash different characters, and Java counts in
    floats. `ranges` replace weights and coverage. `filters` replace the namespace, as in the SDK.
    """

    scheme: Literal["growthbook"]
    sdk: Literal["javascript", "python", "go", "java", "php"]
    version: HashVersion = Field(validation_alias=AliasChoices("version", "hash_version"))
    seed: str
    coverage: Fraction = 1.0
    ranges: tuple[VariantShareRange, ...] = ()
    namespace: Namespace | None = None
    filters: tuple[Filter, ...] = ()
    history: tuple[GrowthBookPeriod, ...] = ()

    def own_faults(self, variants: Variants) -> Faults:
        """Ranges that do not fit the variants."""
        return allocation_faults(variants, self.ranges, "ranges") if self.ranges else []

    @rule("ranges", "coverage")
    def _ranges_or_coverage(self) -> Iterator[Problem]:
        if self.ranges and self.coverage != 1.0:
            yield Problem(("coverage",), "has no effect beside ranges")

    @rule("namespace", "filters")
    def _filters_or_namespace(self) -> Iterator[Problem]:
        if self.namespace and self.filters:
            yield Problem(("namespace",), "has no effect beside filters")
