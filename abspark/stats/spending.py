"""Error-spending functions: how much of an error may be used up at each share of the information.

Lan & DeMets (1983), Biometrika 70, 659-663. A spending function rises from 0 at no information to the whole
error at the planned information, so the look times need not be known beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]

PARAMETER_RANGES: Final[dict[str, tuple[float, float] | None]] = {
    "obf": None,
    "pocock": None,
    "power": (0.0, 50.0),
    "hsd": (-40.0, 40.0),
}
"""The families and the open interval their parameter must lie in; None where a family has no parameter."""


@dataclass(frozen=True)
class Spending:
    """One spending function.

    `family` is `obf` (O'Brien-Fleming type) or `pocock` (Pocock type), both Lan & DeMets (1983); `power`,
    alpha t**rho with `parameter` rho > 0 (Kim & DeMets 1987, Biometrika 74, 149-154); or `hsd`, Hwang, Shih &
    DeCani (1990, Statistics in Medicine 9, 1439-1445) with `parameter` gamma, negative for little early
    spending.

    Raises:
        ValueError: unknown family, or a parameter that the family lacks, needs, or does not allow.
    """

    family: str
    parameter: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no family means."""
        if self.family not in PARAMETER_RANGES:
            raise ValueError(f"spending {self.family!r} is not one of {', '.join(PARAMETER_RANGES)}")
        allowed = PARAMETER_RANGES[self.family]
        if allowed is None:
            if self.parameter is not None:
                raise ValueError(f"spending {self.family!r} takes no parameter, got {self.parameter}")
            return
        low, high = allowed
        if self.parameter is None or not low < self.parameter < high:
            raise ValueError(
                f"spending {self.family!r} needs a parameter in ({low}, {high}), got {self.parameter}"
            )


def spent_error(spending: Spending, fraction: ArrayLike, *, error: ArrayLike, sides: int) -> Floats:
    """Error spent by information fraction `fraction`, out of `error` in all, both sides together.

    Fractions below 0 or above 1 count as 0 and 1: nothing is spent before the start, nothing beyond `error`.
    The O'Brien-Fleming type is the one family that isn't proportional to `error`: each side spends error /
    sides by 2 (1 - Phi(z / sqrt(t))), z the upper (error / sides / 2) quantile (Lan & DeMets 1983, alpha-1*).
    NaN gives NaN.
    """
    t = np.clip(np.asarray(fraction, dtype=float), 0.0, 1.0)
    total = np.asarray(error, dtype=float)
    parameter = spending.parameter or 0.0
    if spending.family == "obf":
        with np.errstate(divide="ignore"):
            return np.asarray(2 * sides * ndtr(ndtri(total / (2 * sides)) / np.sqrt(t)))
    if spending.family == "pocock":
        return np.asarray(total * np.log1p((np.e - 1) * t))
    if spending.family == "power":
        return np.asarray(total * t**parameter)
    if parameter == 0.0:
        return np.asarray(total * t)
    return np.asarray(total * np.expm1(-parameter * t) / np.expm1(-parameter))


def fraction_at(spending: Spending, spent: ArrayLike, *, error: ArrayLike, sides: int) -> Floats:
    """Information fraction in [0, 1] at which `spent` of `error` is used up: the inverse of `spent_error`.

    Lets a level that was recorded under another plan be read as a point of this plan's spending function, so
    that the same design can be evaluated at other levels (as repeated p-values do).
    """
    total = np.asarray(error, dtype=float)
    share = np.clip(np.asarray(spent, dtype=float) / total, 0.0, 1.0)
    parameter = spending.parameter or 0.0
    if spending.family == "obf":
        with np.errstate(divide="ignore"):
            fraction = (ndtri(total / (2 * sides)) / ndtri(share * total / (2 * sides))) ** 2
    elif spending.family == "pocock":
        fraction = np.expm1(share) / (np.e - 1)
    elif spending.family == "power":
        fraction = share ** (1 / parameter)
    elif parameter == 0.0:
        fraction = share
    else:
        fraction = -np.log1p(share * np.expm1(-parameter)) / parameter
    return np.asarray(np.where(share >= 1.0, 1.0, fraction))
