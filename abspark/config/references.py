"""Names and expressions that one definition takes from another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from abspark.config.expressions import Role, expression_faults
from abspark.config.faults import Place, near_miss
from abspark.config.items import Items
from abspark.config.source import Source
from abspark.errors import Fault

_ROLES: Mapping[str, Role] = {"value": "value", "distinct": "key"}
_KINDS = {
    "dimensions": "dimension source",
    "events": "event source",
    "exposures": "exposure source",
    "metrics": "metric",
}


def reference(items: Items, place: Place, holder: Any, key: str | int, *, kind: str) -> Iterator[Fault]:
    """The fault of a name that is written at `key` of `holder` and that nothing of `kind` has.

    None where a file that may define it can't be read: that is the fault to mend first.
    """
    name = holder[key] if isinstance(key, int) else holder.get(key)
    known = items.names(kind)
    if isinstance(name, str) and name not in known and kind not in items.unread:
        yield place.inside(key).fault(
            f"there is no such {_KINDS[kind]}{near_miss(name, known)}",
            allowed=", ".join(sorted(set(known))) or None,
        )


@dataclass(frozen=True)
class Names:
    """The names that expressions may use.

    Attributes:
        types: the names, with their Spark SQL type where it is declared.
        called: raw columns, with the names that stand for them.
    """

    types: Mapping[str, str | None]
    called: Mapping[str, str] = field(default_factory=dict)


def names_of(source: Source) -> Names:
    """The names that expressions over a source may use."""
    return Names(source.expression_types, source.names_of_columns)


def written_expression(
    place: Place, data: Mapping[str, Any], key: str, names: Names, role: Role | None = None
) -> Iterator[Fault]:
    """The faults of the expression at `key` of `data`, over these names; none where there is none."""
    text = data.get(key)
    if isinstance(text, str) and text:
        role = role or _ROLES.get(key, "condition")
        for message, allowed in expression_faults(text, names.types, role, names.called):
            yield place.inside(key).fault(message, allowed=allowed)
