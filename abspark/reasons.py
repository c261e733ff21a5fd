"""What the reason codes of the tables `results` and `drops` mean, in words."""

from __future__ import annotations

from typing import Final

from abspark.stats import reasons, sequential_reasons

RESULTS: Final = {
    **sequential_reasons.SENTENCES,
    **reasons.SENTENCES,
    "day_not_over": "The day is not over, so it has no look yet.",
    "not_a_look": "The day is none of the planned looks.",
    "logs_behind": "The metric's logs do not reach the end of its windows, so the last look waits for them.",
    "look_on_record": "The look of the day is on record with another statistic, by which it is judged.",
    "not_finished": "The experiment or its last window has not ended, so there is no verdict yet.",
    "descriptive": "By days since exposure the effect is described, with the interval of a single look; no verdict "
    "is made of it.",
    "quantile_not_taken": "A quantile is of the last day alone; of the days before there are only units.",
    "below_min_sample_size": "A variant has fewer units than min_sample_size, so there is no verdict yet.",
}
"""Why a number is undefined, or a row without a verdict: code -> sentence."""

DROPS: Final = {
    "null_id": "no id of a unit",
    "bad_time": "no readable time",
    "other_experiment": "of another experiment",
    "filtered": "kept out by the source's filter",
    "outside_interval": "outside the experiment's interval",
    "after_as_of": "after the time up to which the run looks",
    "unknown_variant": "a variant that is not configured",
    "bot": "of a unit with implausibly many events",
    "repeated_exposure": "a later exposure of a unit that is in already",
    "repeated_dimension": "of a unit that another row tells of from the same instant",
    "tied_variants": "two variants at a unit's first instant",
    "multiple_variants": "of a unit seen in several variants",
    "duplicate_event": "an event that was logged before",
    "no_metric": "no metric counts it",
    "bad_value": "no finite number, or one of 1e150 or more",
    "unmatched_unit": "of a unit in no experiment",
    "variant_disagrees": "another variant than its unit's",
    "excluded_unit": "of a unit that is left out",
    "outside_windows": "outside the windows of all metrics",
    "before_window": "before the windows of all metrics",
    "after_window": "after the windows of all metrics",
    "missing": "no value",
    "ragged_row": "more or fewer fields than the header",
    "repeated_id": "says again what a row of its unit said",
}
"""Why a row was left out: code -> words."""


def reason_sentence(reason: str | None) -> str:
    """Why a number is undefined; a code that is not known stays as it is, in words."""
    return "" if not reason else RESULTS.get(reason, reason.replace("_", " "))


def drop_words(reason: str) -> str:
    """Why a row was left out; a code that is not known stays as it is, in words."""
    return DROPS.get(reason, reason.replace("_", " "))
