"""How an experiment's service turned a unit id into a variant: one model per hash scheme.

The models hold what the vendor's own configuration holds, under the vendor's words. What can be checked
without the experiment is checked by pydantic, the rest by `faults`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abspark.config.schemes.base import Period, Scheme
from abspark.config.schemes.devcycle import DevCycle
from abspark.config.schemes.flagd import Flagd
from abspark.config.schemes.growthbook import GrowthBook
from abspark.config.schemes.md5 import Eppo, Flagsmith
from abspark.config.schemes.murmur import Amplitude, Harness, Optimizely, Split, Unleash
from abspark.config.schemes.sha1 import ConfigCat, LaunchDarkly, PlanOut, PostHog
from abspark.config.schemes.sha256 import Firebase, Mozilla, Sha256, Statsig
from abspark.config.schemes.vercel import Vercel
from abspark.config.schemes.vwo import Vwo


class NotDerivable(Scheme):
    """The variant was drawn at random and stored, or decided by what left no trace: nothing to check."""

    scheme: Literal["none"]
    history: tuple[Period, ...] = ()


Assignment = Annotated[
    NotDerivable
    | Sha256
    | GrowthBook
    | Optimizely
    | Eppo
    | Statsig
    | Unleash
    | LaunchDarkly
    | PostHog
    | ConfigCat
    | Amplitude
    | PlanOut
    | Split
    | Flagsmith
    | Flagd
    | Vwo
    | DevCycle
    | Harness
    | Mozilla
    | Firebase
    | Vercel,
    Field(discriminator="scheme"),
]
"""The `assignment` key of an experiment."""
