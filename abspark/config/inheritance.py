"""A metric that `extends` another: what it doesn't state, it takes from that one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from abspark.config.faults import Place, near_miss
from abspark.errors import Fault

Written = Sequence[tuple[Place, Mapping[str, Any]]]

_METRIC: Final = re.compile(r"(metrics\[\d+\])\.?(.*)", re.DOTALL)


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


def told_once(written: Written, faults: Iterable[Fault]) -> Iterator[Fault]:
    """The faults without those of keys that a metric only inherits: they are told where the keys are written."""
    faults = list(faults)
    inside: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for fault in faults:
        if match := _METRIC.match(fault.key):
            inside.setdefault((fault.file, match[1]), []).append((match[2], fault.message))
    data_at = {(place.file, place.key): data for place, data in written}
    named = {data["name"]: place for place, data in reversed(written) if isinstance(data.get("name"), str)}
    for fault in faults:
        match = _METRIC.match(fault.key)
        data = data_at.get((fault.file, match[1])) if match else None
        inherited = match is not None and any(
            key and key.startswith(match[2]) and message == fault.message
            for stated, above in _ancestors(data or {}, named, data_at)
            for key, message in inside.get(above, ())
            if re.split(r"[.\[]", key)[0] not in stated
        )
        if not inherited:
            yield fault


def _ancestors(
    data: Mapping[str, Any],
    named: Mapping[str, Place],
    data_at: Mapping[tuple[str, str], Mapping[str, Any]],
) -> Iterator[tuple[frozenset[str], tuple[str, str]]]:
    """Where the metrics stand from which one descends, each with the keys that are stated further down."""
    stated, seen = frozenset(data), []
    while isinstance(wanted := data.get("extends"), str) and wanted in named and wanted not in seen:
        seen.append(wanted)
        above = (named[wanted].file, named[wanted].key)
        yield stated, above
        data = data_at[above]
        stated |= frozenset(data)
