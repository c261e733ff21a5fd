"""From which exposure on a log holds the whole lookback of a covariate."""

from __future__ import annotations

from dataclasses import replace

from world import Experiment, Log, Metric, World
from world_models import study_of

from abspark.pipeline.calendar import DAY
from abspark.pipeline.history import full_history_from

START = 20_000 * DAY
HOUR = DAY // 24
METRICS = (
    Metric("plain", "web", 0, DAY),
    Metric("own", "web", 0, DAY, lookback=3 * DAY),
    Metric("by_orders", "web", 0, DAY, lookback=2 * DAY, covariate="orders"),
    Metric("orders", "shop", 0, DAY),
)
WORLD = World(
    (Experiment("one", ("a", "b"), START, START + 9 * DAY, ("plain", "own", "by_orders", "orders"), "log"),),
    METRICS,
    (Log("log", ()),),
    (Log("web", ()), Log("shop", ())),
    START + 20 * DAY,
)


def test_a_log_begins_with_the_day_of_its_first_event() -> None:
    seen = {"web": (START - DAY + 5 * HOUR, START), "shop": (START - 2 * DAY,)}
    assert full_history_from(study_of(WORLD), seen) == {(0, 1): START - DAY + 3 * DAY, (0, 2): START}


def test_a_log_without_events_never_begins_and_one_without_times_always_was() -> None:
    study = study_of(WORLD)
    silent = full_history_from(study, {"web": (START,), "shop": ()})
    assert silent[0, 2] > START + 10_000 * DAY
    timeless = study.event_sources[1].model_copy(update={"fixed_time": study.as_of})
    known = full_history_from(
        replace(study, event_sources=(study.event_sources[0], timeless)), {"web": (START,), "shop": ()}
    )
    assert known[0, 2] < 0
