"""Why a number is undefined: one short code per row, each defined here with a sentence.

A row whose numbers are all defined carries `NONE`. A row with several faults carries the gravest, which is
the first in the order of the masks given to `first_reason`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abspark.stats.moments import Bools

Reasons = NDArray[np.str_]

NONE: Final = ""
N_BELOW_2: Final = "n_below_2"
MISSING_MOMENTS: Final = "missing_moments"
ZERO_DENOMINATOR: Final = "zero_denominator"
COVARIATE_MISSING: Final = "covariate_missing"
COVARIATE_ZERO_DENOMINATOR: Final = "covariate_zero_denominator"
NOT_A_PROPORTION: Final = "not_a_proportion"
ZERO_VARIANCE: Final = "zero_variance"
CONTROL_MEAN_NOT_POSITIVE: Final = "control_mean_not_positive"
NO_RELATIVE_ERROR: Final = "no_relative_error"
FIELLER_UNBOUNDED: Final = "fieller_unbounded"
NO_UNITS: Final = "no_units"
NEGATIVE_COUNT: Final = "negative_count"
FEWER_THAN_2_VARIANTS: Final = "fewer_than_2_variants"
UNITS_WHERE_NONE_EXPECTED: Final = "units_where_none_expected"
FEWER_THAN_2_ESTIMATES: Final = "fewer_than_2_estimates"
FEWER_THAN_3_DAYS: Final = "fewer_than_3_days"
TOO_FEW_FOR_QUANTILE: Final = "too_few_for_quantile"
TIED_VALUES: Final = "tied_values"
UNREACHABLE: Final = "unreachable"

SENTENCES: Final = {
    NONE: "Everything is defined.",
    N_BELOW_2: "A variant has fewer than two units, so its spread is unknown.",
    MISSING_MOMENTS: "A moment that the method needs is missing.",
    ZERO_DENOMINATOR: "The mean of the ratio's denominator is zero in a variant.",
    COVARIATE_MISSING: "The covariate's moments are missing, so nothing can be adjusted.",
    COVARIATE_ZERO_DENOMINATOR: "The mean of the covariate's denominator is zero.",
    NOT_A_PROPORTION: "The mean of a proportion lies outside 0 to 1.",
    ZERO_VARIANCE: "The values do not vary, so there is no error to compare the effect with.",
    CONTROL_MEAN_NOT_POSITIVE: "The control mean is not above zero, so nothing can be relative to it.",
    NO_RELATIVE_ERROR: "The relative effect has no error, as where the treatment's values are all 0: -100 %.",
    FIELLER_UNBOUNDED: "The control mean is not distinguishable from zero, so Fieller's set is unbounded.",
    NO_UNITS: "No unit was counted.",
    NEGATIVE_COUNT: "A count is negative or missing.",
    FEWER_THAN_2_VARIANTS: "Fewer than two variants expect units.",
    UNITS_WHERE_NONE_EXPECTED: "Units were counted in a variant that expects none.",
    FEWER_THAN_2_ESTIMATES: "Fewer than two estimates can be compared.",
    FEWER_THAN_3_DAYS: "A trend needs estimates of at least three days.",
    TOO_FEW_FOR_QUANTILE: "There are too few values for an interval of this quantile.",
    TIED_VALUES: "Too many values near the quantile are equal for its error to be told from them.",
    UNREACHABLE: "No sample size, effect or power answers the question as put.",
}
"""Code -> sentence for people."""

_WIDTH: Final = max(map(len, SENTENCES))


def first_reason(rows: int, masks: Iterable[tuple[Bools, str]]) -> Reasons:
    """Codes of shape (rows,): for each row the code of the first mask, in the order given, that holds."""
    codes = np.full(rows, NONE, dtype=f"<U{_WIDTH}")
    for mask, code in reversed(list(masks)):
        if mask.any():
            codes[mask] = code
    return codes


def either(first: Reasons, second: Reasons) -> Reasons:
    """The first code where there is one, else the second."""
    has = first != NONE
    return np.where(has, first, second) if has.any() else second
