"""Why a number of the sequential and Bayesian methods is undefined: one short code each, with a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Reasons = NDArray[np.str_]

NONE: Final = ""
INFORMATION_UNDEFINED: Final = "information_undefined"
INFORMATION_NOT_GROWN: Final = "information_not_grown"
NO_ALPHA_TO_SPEND: Final = "no_alpha_to_spend"
NOT_STOPPED: Final = "not_stopped"
ESTIMATE_UNDEFINED: Final = "estimate_undefined"
ZERO_STD_ERROR: Final = "zero_std_error"
BAD_COUNTS: Final = "bad_counts"
BAD_SHARES: Final = "bad_shares"
RELATIVE_MEAN_UNDEFINED: Final = "relative_mean_undefined"
CONTROL_MEAN_NOT_POSITIVE: Final = "control_mean_not_positive"
OTHER_TREATMENT_UNDEFINED: Final = "other_treatment_undefined"

SENTENCES: Final = {
    NONE: "Everything is defined.",
    INFORMATION_UNDEFINED: "The information at the look is missing, zero or infinite.",
    INFORMATION_NOT_GROWN: "The information has not grown since the look before, so the look is skipped.",
    NO_ALPHA_TO_SPEND: "None of the error is left, or yet due, for this look: it cannot stop the experiment.",
    NOT_STOPPED: "The experiment has not stopped, so estimates at stopping do not exist yet.",
    ESTIMATE_UNDEFINED: "The estimate or its standard error is missing.",
    ZERO_STD_ERROR: "The standard error is zero, so there is no error to compare the effect with.",
    BAD_COUNTS: "A count is negative or missing, or there are more successes than units.",
    BAD_SHARES: "The expected shares are negative, missing, or do not sum to 1.",
    RELATIVE_MEAN_UNDEFINED: "The posterior mean of the ratio is infinite: too few control successes.",
    CONTROL_MEAN_NOT_POSITIVE: "The control mean is not positive: an effect relative to it means nothing.",
    OTHER_TREATMENT_UNDEFINED: "Another treatment's posterior is undefined, so it is unknown which is the best.",
}
"""Code -> sentence for people."""

_WIDTH: Final = max(map(len, SENTENCES))


def reasons_where(shape: tuple[int, ...], masks: Iterable[tuple[NDArray[np.bool_], str]]) -> Reasons:
    """Codes of `shape`: per element the code of the first mask, in the order given, that holds; else NONE."""
    codes = np.full(shape, NONE, dtype=f"<U{_WIDTH}")
    for mask, code in reversed(list(masks)):
        codes[np.broadcast_to(mask, shape)] = code
    return codes


def spread_problem(estimate: NDArray[np.float64], std_error: NDArray[np.float64]) -> Reasons:
    """Why a test can't be made of an estimate and its standard error, elementwise; NONE where it can."""
    missing = ~np.isfinite(estimate) | ~np.isfinite(std_error) | (std_error < 0)
    return reasons_where(estimate.shape, [(missing, ESTIMATE_UNDEFINED), (std_error == 0, ZERO_STD_ERROR)])
