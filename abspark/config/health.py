"""When each health check warns or fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import Number

Share = Annotated[Number, Field(ge=0, le=1)]
Severity = Literal["warn", "fail"]
Level = Annotated[Number, Field(gt=0, lt=1)]

_LEVEL: Final = 0.001


class LevelCheck(ConfigModel):
    """A test: p-value below which the check does not pass, and what it then says."""

    threshold: Level = _LEVEL
    severity: Severity = "fail"


class WarningLevelCheck(LevelCheck):
    """A test that warns unless told to fail."""

    severity: Severity = "warn"


class SeverityCheck(ConfigModel):
    """A plain yes or no, and what the check says when it does not pass."""

    severity: Severity = "fail"


class ShareCheck(ConfigModel):
    """Shares above which a check warns and fails."""

    warn: Share
    fail: Share

    @rule("warn", "fail")
    def _in_order(self) -> Iterator[Problem]:
        if self.warn > self.fail:
            yield Problem(("warn",), "is above fail, so it could never warn", "warn <= fail")


class SeveralVariantsCheck(ShareCheck):
    """Share of units seen in several variants."""

    warn: Share = 0.01
    fail: Share = 0.05


class HashCheck(ShareCheck):
    """Share of units whose recorded variant is not the one the hash gives."""

    warn: Share = 0.0
    fail: Share = 0.001


class UnmatchedEventsCheck(ShareCheck):
    """Share of a source's events whose unit is in no experiment of the run; high where experiments are small."""

    warn: Share = 0.99
    fail: Share = 0.999


class DuplicatesCheck(ShareCheck):
    """Share of a source's events that repeat the id of another event of their unit."""

    warn: Share = 0.05
    fail: Share = 0.5


class DistantCopiesCheck(ShareCheck):
    """Share of a source's events with rows further apart than the source's `copies_within`."""

    warn: Share = 0.0
    fail: Share = 0.001


class BeforeExposureCheck(ShareCheck):
    """Share of units with events before their exposure that a metric would count."""

    warn: Share = 0.5
    fail: Share = 1.0


class OutsideIntervalCheck(ShareCheck):
    """Share of exposures before the experiment's start or after its end."""

    warn: Share = 0.05
    fail: Share = 0.5


class ExposuresLostCheck(ShareCheck):
    """Share of exposures without a unit's id, without a readable time, or of an unknown variant; each on its own."""

    warn: Share = 0.01
    fail: Share = 0.1


class EventsWithoutIdCheck(ShareCheck):
    """Share of a source's rows without a unit's id; high where visitors need not log in."""

    warn: Share = 0.1
    fail: Share = 0.9


class EventsWithoutTimeCheck(ShareCheck):
    """Share of a source's rows, those without id aside, without a readable time."""

    warn: Share = 0.01
    fail: Share = 0.1


class BadValuesCheck(ShareCheck):
    """Share of the rows that a metric wants a value of whose value it can't use; high where its `where` is too wide."""

    warn: Share = 0.01
    fail: Share = 0.9


class LateRowsCheck(ShareCheck):
    """Estimated share of a source's rows that are still to come."""

    warn: Share = 0.01
    fail: Share = 0.05


class ClockCheck(ShareCheck):
    """Share of a source's rows from the future."""

    warn: Share = 0.0001
    fail: Share = 0.01


class CovariateHistoryCheck(ShareCheck):
    """Share of units whose covariate looks back to before its log begins."""

    warn: Share = 0.01
    fail: Share = 1.0


class BotsCheck(ShareCheck):
    """Share of units with more events than a source's `bots.limit`."""

    warn: Share = 0.001
    fail: Share = 0.01


class Health(ConfigModel):
    """Thresholds of the health checks."""

    srm: LevelCheck = Field(
        default=LevelCheck(), description="sample ratio: all units, analysed ones, segments"
    )
    srm_sequential: LevelCheck = Field(
        default=LevelCheck(), description="sample ratio, sound under daily looks"
    )
    weights_changed: SeverityCheck = SeverityCheck()
    several_variants: SeveralVariantsCheck = SeveralVariantsCheck()
    several_variants_balanced: WarningLevelCheck = WarningLevelCheck()
    hash: HashCheck = HashCheck()
    hash_capture: LevelCheck = Field(default=LevelCheck(), description="which units reached the log")
    hash_assignment: LevelCheck = Field(
        default=LevelCheck(), description="whether mismatches shift the counts"
    )
    drops_balanced: WarningLevelCheck = WarningLevelCheck()
    covariate_balance: WarningLevelCheck = Field(
        default=WarningLevelCheck(), description="whether covariates agree across arms before exposure"
    )
    covariate_history: CovariateHistoryCheck = CovariateHistoryCheck()
    traffic: WarningLevelCheck = Field(
        default=WarningLevelCheck(), description="days without exposures, variants that stop"
    )
    unmatched_events: UnmatchedEventsCheck = UnmatchedEventsCheck()
    duplicates: DuplicatesCheck = DuplicatesCheck()
    distant_copies: DistantCopiesCheck = DistantCopiesCheck()
    events_before_exposure: BeforeExposureCheck = BeforeExposureCheck()
    exposures_outside_interval: OutsideIntervalCheck = OutsideIntervalCheck()
    exposures_lost: ExposuresLostCheck = ExposuresLostCheck()
    events_without_id: EventsWithoutIdCheck = EventsWithoutIdCheck()
    events_without_time: EventsWithoutTimeCheck = EventsWithoutTimeCheck()
    bad_values: BadValuesCheck = BadValuesCheck()
    late_rows: LateRowsCheck = LateRowsCheck()
    clock: ClockCheck = ClockCheck()
    bots: BotsCheck = BotsCheck()
