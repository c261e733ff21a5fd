"""A metric that `extends` another: what it doesn't state, it takes from that one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abspark.config.faults import Place, near_miss
from abspark.errors import Fault

Written = Sequence[tuple[Place, Mapping[str, Any]]]


def extended(written: Written) -> list[tuple[Mapping[str, Any], list[Fault]]]:
    """Each definition with what it inherits and without `extends`, and the faults of its descent.

    A key stated anew replaces the inherited one whole. The name and the description are one's own.
    """
    known = {data["name"]: data for _, data in reversed(written) if isinstance(data.get("name"), str)}
    return [_descended(place, data, known) for place, data in written]


def _descended(
    place: Place, data: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> tuple[Mapping[str, Any], list[Fault]]:
    line = [data]
    while "extends" in line[-1]:
        wanted = line[-1]["extends"]
        parent = known.get(wanted) if isinstance(wanted, str) else None
        here = place.inside("extends")
        if parent is None:
            if len(line) > 1:
                # the fault is told where it is written
                return data, [here.fault(f"extends a metric whose own `extends` is at fault: {wanted!r}")]
            guess = near_miss(wanted, known) if isinstance(wanted, str) else ""
            return data, [
                here.fault(f"there is no such metric{guess}", allowed=", ".join(sorted(known)) or None)
            ]
        if any(parent is seen for seen in line):
            return data, [here.fault("extends itself, directly or through others")]
        line.append(parent)
    inherited: dict[str, Any] = {}
    for ancestor in reversed(line[1:]):
        inherited |= ancestor
    inherited.pop("description", None)
    return {key: value for key, value in (inherited | dict(data)).items() if key != "extends"}, []
