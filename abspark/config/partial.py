"""What can still be told of a definition that has faults: its valid fields, and the rules that read only those.

Pydantic runs a model's rules only where all of its fields are valid, so that one fault would hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from abspark.config.base import PROBLEMS, ConfigModel, Path, Problem

TAGS: Final = ("scheme", "version")
"""Keys whose value chooses the model."""


class Error(NamedTuple):
    """Where pydantic found something, from the model that is looked at, and what."""

    loc: Path
    type: str


def errors_of(details: Sequence[ErrorDetails]) -> list[Error]:
    """Pydantic's errors, without what is said about them."""
    return [Error(found["loc"], found["type"]) for found in details]


def valid_values(model: type[BaseModel], data: Mapping[str, Any], errors: Sequence[Error]) -> dict[str, Any]:
    """The validated values of the fields without errors, by field name."""
    broken = broken_fields(model, errors)
    given = ((name, field, field.alias or name) for name, field in model.model_fields.items())
    return {
        name: TypeAdapter(_annotated(field)).validate_python(data[key])
        for name, field, key in given
        if key in data and name not in broken
    }


def broken_fields(model: type[BaseModel], errors: Sequence[Error]) -> set[str]:
    """The fields with errors; a broken rule is none of a field."""
    starts = {error.loc[0] for error in errors if error.loc}
    return {name for name, field in model.model_fields.items() if starts & {name, field.alias}}


def hidden_problems(
    model: type[ConfigModel], data: Any, errors: Sequence[Error]
) -> Iterator[tuple[Path, Problem]]:
    """Problems by rules that pydantic did not come to, of the model and of those inside; each below a path."""
    if not isinstance(data, Mapping):
        return
    if any(error.loc or error.type != PROBLEMS for error in errors):
        broken = broken_fields(model, errors)
        values = valid_values(model, data, errors)
        yield from (((), problem) for problem in model.problems_of(values, without=broken))
    for name, field in model.model_fields.items():
        key = field.alias or name
        inside = [Error(error.loc[1:], error.type) for error in errors if error.loc[:1] == (key,)]
        if inside and key in data:
            for path, problem in _hidden_inside(field.annotation, data[key], inside):
                yield (key, *path), problem


def _hidden_inside(annotation: Any, data: Any, errors: Sequence[Error]) -> Iterator[tuple[Path, Problem]]:
    """Hidden problems of a field's value, which is a model, one of several, or a list of them."""
    if isinstance(data, list):
        for index, entry in enumerate(data):
            inside = [Error(error.loc[1:], error.type) for error in errors if error.loc[:1] == (index,)]
            kinds = [kind for kind in _unions(annotation) if get_origin(kind) is tuple] if inside else []
            for kind in kinds:
                for path, problem in _hidden_inside(get_args(kind)[0], entry, inside):
                    yield (index, *path), problem
        return
    models = [
        kind for kind in _unions(annotation) if isinstance(kind, type) and issubclass(kind, ConfigModel)
    ]
    while len(models) > 1 and errors and errors[0].loc:
        tag = errors[0].loc[0]
        models = [model for model in models if tag in _tags(model)]
        errors = [Error(error.loc[1:], error.type) for error in errors]
    if len(models) == 1:
        yield from hidden_problems(models[0], data, errors)


def _unions(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation, without what is annotated."""
    if get_origin(annotation) is Annotated:
        yield from _unions(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _unions(part)
    else:
        yield annotation


def _tags(model: type[BaseModel]) -> set[Any]:
    fields = (model.model_fields.get(name) for name in TAGS)
    return {tag for field in fields if field is not None for tag in get_args(field.annotation)}


def _annotated(field: FieldInfo) -> Any:
    """The field's type with its bounds, but no second name of its key: pydantic warns of one outside a model."""
    alone = copy(field)
    alone.validation_alias = None
    return Annotated[field.annotation, alone]
