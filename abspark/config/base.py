"""What all configuration models share: frozen, no unknown keys, and rules that relate several fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

PROBLEMS: Final = "abspark_problems"
_RULE_FIELDS: Final = "__abspark_rule_fields__"

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """A broken rule; `path` leads from the model that states it to the key to blame (empty: the model)."""

    path: Path
    message: str
    allowed: str | None = None


Rule = Callable[[Any], Iterable[Problem]]
_R = TypeVar("_R", bound=Rule)


def rule(*fields: str) -> Callable[[_R], _R]:
    """Mark a method as a rule over `fields`; it yields problems and may read no other field of the model.

    Naming the fields lets a rule be checked even when other fields of the model are faulty.
    """

    def mark(method: _R) -> _R:
        setattr(method, _RULE_FIELDS, fields)
        return method

    return mark


class ConfigModel(BaseModel):
    """Base of everything a user writes."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        problems = tuple(self._broken(type(self).model_fields))
        if problems:
            text = "; ".join(f"{'.'.join(map(str, p.path))}: {p.message}" for p in problems)
            raise PydanticCustomError(PROBLEMS, "{text}", {"text": text, "problems": problems})
        return self

    def _broken(self, known: Iterable[str]) -> Iterator[Problem]:
        present = set(known)
        for method in _rules(type(self)):
            if present.issuperset(getattr(method, _RULE_FIELDS)):
                yield from method(self)

    @classmethod
    def problems_of(cls, values: Mapping[str, Any], *, without: Iterable[str]) -> tuple[Problem, ...]:
        """Problems by the rules that read none of the fields in `without`.

        `values` are validated values by field name.
        """
        given = {
            name for name, field in cls.model_fields.items() if name in values or not field.is_required()
        }
        return tuple(cls.model_construct(**values)._broken(given - set(without)))


def no_truth_values(*keys: str, allowed: str) -> Any:
    """A validator for the body of a model: true, which Python takes for 1, is none of the numbers to choose from."""

    def refuse(data: Any) -> Any:
        given = [key for key in keys if isinstance(data, Mapping) and isinstance(data.get(key), bool)]
        if given:
            problems = tuple(Problem((key,), "is not among the choices", allowed) for key in given)
            raise PydanticCustomError(PROBLEMS, "{text}", {"text": "not a number", "problems": problems})
        return data

    return model_validator(mode="before")(refuse)


@cache
def _rules(model: type[ConfigModel]) -> tuple[Rule, ...]:
    names: dict[str, None] = {}
    for owner in reversed(model.__mro__):
        names.update((name, None) for name, value in vars(owner).items() if hasattr(value, _RULE_FIELDS))
    return tuple(getattr(model, name) for name in names)
