"""The configuration reference, from the pydantic models themselves: keys, types, defaults and descriptions."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from abspark.config import source, values
from abspark.config.base import ConfigModel
from abspark.config.environment import Environment
from abspark.config.experiment import Experiment
from abspark.config.metric import Metric

_HEAD = """# Configuration

Generated from the models in `abspark/config`. All files are checked together, before Java starts, by
`abspark validate`; keys that are not listed here are refused. `abspark schema --out schemas` writes the same as JSON
Schemas, with which an editor completes and checks the files. `${NAME}` and `${NAME:-default}` in a value are replaced
by environment variables.
"""
_FILES = (
    (
        "conf/sources/*.yaml",
        "Lists under `exposures`, `events` and `dimensions`.",
        (source.ExposureSource, source.EventSource, source.DimensionSource),
    ),
    (
        "conf/metrics/*.yaml",
        "A list under `metrics`; [what they mean](metrics.md). With `extends` only `name` is required.",
        (Metric,),
    ),
    ("conf/experiments/*.yaml", "One experiment, or a list under `experiments`.", (Experiment,)),
    ("conf/environments/*.yaml", "One environment; its name is the file's.", (Environment,)),
)
_NAMED = (
    (values.Duration, "duration"),
    (values.Lag, "duration, not negative"),
    (values.Instant, "instant"),
    (values.WindowEnd, "duration or `open`"),
    (values.Completeness, "duration or instant"),
    (values.Name, "name"),
    (values.ColumnName, "column name"),
    (values.Option, "text, number or boolean"),
    (source.Attributes, "list of columns, or mapping of name to column"),
    (source.Properties, "mapping of name to type, or to [Property](#property)"),
)
_TYPES = f"""## Types

| type | form |
|---|---|
| duration | {values.DURATION_FORM} |
| instant | {values.INSTANT_FORM} |
| name | text of at most {values.MAX_NAME_LENGTH} characters, without control characters, not blank, not `*` |
| column name | a name without `.` and backquote |
"""
_PLAIN = {
    str: "text",
    SecretStr: "text from a variable",
    float: "number",
    int: "whole number",
    bool: "boolean",
    Any: "any value",
}
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_NOT_WRITTEN = ((Environment, "name"),)
_DEFAULTED = ((source.Property, "column"),)
"""Keys that the reader of the file fills in."""


def configuration_page() -> str:
    """The page as Markdown: a part per kind of file, each with its models in the order in which they are met."""
    told: set[type[ConfigModel]] = set()
    parts = [_HEAD, _TYPES]
    for title, text, models in _FILES:
        parts += [f"## {title}\n\n{text}\n"]
        for model in models:
            parts += [_section(each) for each in _reached(model, told)]
    return "\n".join(parts)


def _reached(model: type[ConfigModel], told: set[type[ConfigModel]]) -> Iterator[type[ConfigModel]]:
    """The model and all models that its keys lead to, each told once."""
    if model in told:
        return
    told.add(model)
    yield model
    for annotation in _hints(model).values():
        for inner in _models_in(annotation):
            yield from _reached(inner, told)


def _hints(model: type[ConfigModel]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields if (model, name) not in _NOT_WRITTEN}


def _models_in(annotation: Any) -> Iterator[type[ConfigModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, ConfigModel):
        yield annotation
    elif annotation == source.Properties:
        yield source.Property
    else:
        for inner in get_args(annotation):
            yield from _models_in(inner)


def _section(model: type[ConfigModel]) -> str:
    hints = _hints(model)
    rows = [_row(model, name, hints[name]) for name in hints]
    doc = inspect.getdoc(model) or ""
    head = ["| key | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"### {model.__name__}", "", doc, "", *head, *rows, ""])


def _row(model: type[ConfigModel], name: str, annotation: Any) -> str:
    field = model.model_fields[name]
    default = "" if (model, name) in _DEFAULTED else _default(field)
    nothing = " or `null`" if field.is_required() and types.NoneType in get_args(annotation) else ""
    cells = (f"`{field.alias or name}`", f"{_type(annotation)}{nothing}", default, field.description or "")
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _type(annotation: Any) -> str:
    for known, name in _NAMED:
        if annotation == known:
            return name
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _constrained(inner[0], inner[1:])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in inner if each is not types.NoneType)
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin in (dict, Mapping) or (inspect.isclass(origin) and issubclass(origin, Mapping)):
        return f"mapping of {_type(inner[0])} to {_type(inner[1])}"
    if inspect.isclass(annotation) and issubclass(annotation, ConfigModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return _PLAIN[annotation]


def _constrained(annotation: Any, metadata: tuple[Any, ...]) -> str:
    """The type with the bounds that its metadata state."""
    flat = [
        part for given in metadata for part in (given.metadata if isinstance(given, FieldInfo) else (given,))
    ]
    stated = [
        (getattr(part, sign), sign)
        for part in flat
        for sign in _BOUNDS
        if getattr(part, sign, None) is not None
    ]
    # Of several bounds on a side the narrowest holds, and of equal ones the strict.
    lower = max((bound for bound in stated if bound[1] in ("ge", "gt")), default=None)
    upper = min(
        (bound for bound in stated if bound[1] in ("le", "lt")),
        default=None,
        key=lambda b: (b[0], b[1] == "le"),
    )
    bounds = [f"{_BOUNDS[sign]} {value:.15g}" for value, sign in filter(None, (lower, upper))]
    return ", ".join([_type(annotation), *bounds])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, ConfigModel):
        stated = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{stated}`" if stated else "its defaults"
    if isinstance(value, timedelta):
        return f"`{values.format_duration(value)}`"
    if isinstance(value, datetime):
        return f"`{values.format_instant(value)}`"
    if isinstance(value, tuple | dict) and not value:
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
