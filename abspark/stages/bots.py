"""Looking for units with too many events, once per process, where a source has a limit."""

from __future__ import annotations

from abspark.errors import DataError
from abspark.pipeline.bots import MOST_BOTS, UnitKey, busy_units
from abspark.stages.inputs import failing, raw
from abspark.stages.state import RunState


def find_bots(state: RunState) -> None:
    """Fill `state.busy`; experiments whose source is at fault leave the run.

    Raises:
        AbsparkError: No experiment is left.
    """
    if state.busy is not None:
        return
    found: dict[str, tuple[UnitKey, ...]] = {}
    for source in state.study.event_sources:
        if source.bots is not None:
            with failing(state, source.name), state.progress.stage(f"bots in {source.name}") as stage:
                found[source.name] = _busy(state, source.name, source.bots.limit)
                stage.rows = len(found[source.name])
    state.busy = found


def _busy(state: RunState, name: str, limit: int) -> tuple[UnitKey, ...]:
    project = state.project
    frame = busy_units(raw(state, name), project.events[name], limit, state.as_of, project.pseudonym_key)
    rows = frame.limit(MOST_BOTS + 1).collect()
    if len(rows) > MOST_BOTS:
        raise DataError(
            f"source {name}: more than {MOST_BOTS:,} units have more than {limit:,} events, the limit for bots",
            advice="raise bots.limit in the source: so many units are no bots",
        )
    return tuple((row["hi"], row["lo"]) for row in rows)
