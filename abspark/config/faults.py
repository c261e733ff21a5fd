"""From what went wrong to `Fault`s: file, line, key, value and what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from abspark.config.base import PROBLEMS, ConfigModel, Path
from abspark.config.partial import TAGS, errors_of, hidden_problems
from abspark.config.yaml_reader import Document
from abspark.errors import Fault

MAX_VALUE_LENGTH: Final = 80

Loc = tuple[str | int, ...]
"""Where pydantic found something: keys, and tags of unions."""

_ONE_TYPE: Final = {
    "string_type": "must be text",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of key: value",
    "mapping_type": "must be a mapping of key: value",
    "model_type": "must be a mapping of key: value",
    "model_attributes_type": "must be a mapping of key: value",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "union_tag_not_found": "must say its scheme",
}
_BOUNDS: Final = {
    "greater_than": ("gt", "above {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "below {}"),
    "less_than_equal": ("le", "at most {}"),
}


@dataclass(frozen=True)
class Place:
    """A value inside a file: `path` leads from the file's top to it. `document` holds values as written."""

    file: str
    document: Document
    path: Path = ()

    @property
    def key(self) -> str:
        """The path as text."""
        return key_text(self.path)

    def at(self, *path: str | int) -> Place:
        """A place further in; a part may also be a dotted path such as `history[1].from`."""
        where = self.path
        for part in path:
            found, node = _lookup(self.document.data, where)
            where += _split(node if found else None, part)
        return Place(self.file, self.document, where)

    def inside(self, key: str | int) -> Place:
        """The place of one key, taken as it is."""
        return Place(self.file, self.document, (*self.path, key))

    def fault(self, message: str, *, allowed: str | None = None, show_value: bool = True) -> Fault:
        """A fault here; the value is shown as written, before variables were expanded."""
        found, value = _lookup(self.document.data, self.path)
        text = _shown(value) if show_value and found else None
        line = self.document.line_of(self.path)
        return Fault(self.file, line, self.key, message, text, allowed)


def key_text(path: Path) -> str:
    """`metrics[2].window.start`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def near_miss(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`; did you mean 'x'?`, or nothing when no known word is near."""
    by_fold = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_fold, n=1, cutoff=cutoff)
    return f"; did you mean {by_fold[close[0]]!r}?" if close else ""


def faults_of(model: type[ConfigModel], error: ValidationError, data: Any, place: Place) -> Iterator[Fault]:
    """All faults behind `error`, and those of the model's rules that can be told in spite of it.

    `data` is what was validated, `place` where it stands.
    """
    found = error.errors(include_url=False)
    for details in found:
        if details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]:
            continue  # long enough, but for entries that are faulty, which are told
        yield from _faults_of_details(details, place, model)
    for path, problem in hidden_problems(model, data, errors_of(found)):
        yield (
            place.at(*path)
            .at(*problem.path)
            .fault(problem.message, allowed=problem.allowed, show_value=bool(problem.path))
        )


def unknown_key(place: Place, known: Sequence[str], required: Sequence[str] = ()) -> Fault:
    """The fault of a key that is none of `known`.

    What stands beside it is not what was meant, and what is required and missing more likely than the rest.
    """
    word = str(place.path[-1])
    _, beside = _lookup(place.document.data, place.path[:-1])
    absent = [key for key in known if key not in beside]
    missing = [key for key in absent if key in required]
    return place.fault(
        f"unknown key{near_miss(word, missing) or near_miss(word, absent)}",
        allowed=", ".join(known) or None,
        show_value=False,
    )


def known_keys(model: type[BaseModel], loc: Loc, *, required: bool = False) -> tuple[str, ...]:
    """The keys that the model at a pydantic location knows, or requires."""
    fields = [pair for owner in _models_at(model, loc) for pair in owner.model_fields.items()]
    return tuple(
        dict.fromkeys(given.alias or name for name, given in fields if given.is_required() or not required)
    )


def _keys(models: Sequence[type[BaseModel]]) -> str | None:
    """The keys that a mapping may have, of a scheme that is not chosen yet the shared ones."""
    names = dict.fromkeys(given.alias or name for one in models for name, given in one.model_fields.items())
    shared = [name for name in names if all(name in known_keys(one, ()) for one in models)]
    if len(models) > 1 and "scheme" in shared:
        return f"keys {', '.join(shared)}, and those of the scheme"
    return f"keys {', '.join(names)}" if names else None


def _choices(model: type[BaseModel], loc: Loc, key: str | int) -> str | None:
    """What may be written for a key, where that is one of few words."""
    written = (value for owner in _models_at(model, loc) for value in _words(_annotation(owner, key)))
    return ", ".join(map(repr, dict.fromkeys(written))) or None


def _words(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)


def _models_at(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    models = [model]
    for part in loc:
        below = [m for owner in models for m in _models_in(_annotation(owner, part))]
        tagged = [m for m in models for tag in TAGS if part in get_args(_annotation(m, tag))]
        models = below or tagged or models
    return models


def _annotation(model: type[BaseModel], key: str | int) -> Any:
    for name in _field_names(model, (key,)):
        return model.model_fields[name].annotation
    return None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _field_names(model: type[BaseModel], loc: tuple[str | int, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if loc and loc[0] in (name, field.alias):
            yield name


def _faults_of_details(details: ErrorDetails, place: Place, model: type[BaseModel]) -> Iterator[Fault]:
    context = details.get("ctx", {})
    here = place.at(*_written_path(details, place))
    if details["type"] == PROBLEMS:
        for problem in context["problems"]:
            yield here.at(*problem.path).fault(
                problem.message, allowed=problem.allowed, show_value=bool(problem.path)
            )
        return
    if details["type"] == "extra_forbidden":
        around = details["loc"][:-1]
        yield unknown_key(here, known_keys(model, around), known_keys(model, around, required=True))
        return
    message, allowed = _worded(details, context)
    if details["type"] == "missing":
        allowed = _choices(model, details["loc"][:-1], details["loc"][-1]) or _keys(
            [
                inside
                for owner in _models_at(model, details["loc"][:-1])
                for inside in _models_in(_annotation(owner, details["loc"][-1]))
            ]
        )
    if details["type"] == "union_tag_not_found":
        allowed = _choices(model, details["loc"], context["discriminator"].strip("'"))
    if details["type"] in ("model_type", "model_attributes_type"):
        allowed = _keys(_models_at(model, details["loc"]))
    yield here.fault(message, allowed=allowed, show_value=details["type"] != "missing")


def _worded(details: ErrorDetails, context: Mapping[str, Any]) -> tuple[str, str | None]:
    kind = details["type"]
    if kind == "missing" or _lacks_version(details):
        return "is missing", None
    if kind == "value_error":
        return str(context["error"]), None
    if kind == "string_type" and isinstance(details["input"], bool | int | float):
        return 'must be text; put it in quotes: "…"', None
    one_of_several = "[" in str(details["loc"][-1])  # pydantic names the alternative that it tried
    if kind in ("list_type", "tuple_type") and isinstance(details["input"], str) and not one_of_several:
        return f"must be a list, e.g. [{details['input'][:40]}]", None
    if kind in _BOUNDS:
        key, form = _BOUNDS[kind]
        return "is out of range", form.format(context[key])
    if kind == "literal_error":
        return "is not among the choices", context["expected"]
    if kind == "union_tag_invalid":
        return "is not among the choices", context["expected_tags"]
    return _ONE_TYPE.get(kind, details["msg"][:1].lower() + details["msg"][1:]), None


def _lacks_version(details: ErrorDetails) -> bool:
    """Whether a scheme of several models was given without the version that chooses one."""
    tag = details.get("ctx", {}).get("discriminator", "").strip("'")
    return details["type"] == "union_tag_not_found" and tag != "scheme"


def _written_path(details: ErrorDetails, place: Place) -> Path:
    """The location without what pydantic adds to it: tags of unions, `[key]`."""
    _, node = _lookup(place.document.data, place.path)
    path: list[str | int] = []
    loc = details["loc"]
    if details["type"] == "union_tag_invalid" or _lacks_version(details):
        loc = (*loc, details["ctx"]["discriminator"].strip("'"))
    last = len(loc) - 1
    for position, part in enumerate(loc):
        found, below = _lookup(node, (part,))
        if found:
            node = below
        elif not (position == last and (details["type"] == "missing" or _lacks_version(details))):
            continue
        path.append(part)
    return tuple(path)


def _lookup(data: Any, path: Path) -> tuple[bool, Any]:
    for part in path:
        in_mapping = isinstance(data, dict) and part in data
        in_list = isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data)
        if not (in_mapping or in_list):
            return False, None
        data = data[part]
    return True, data


def _split(node: Any, part: str | int) -> Path:
    """The parts of a dotted path, as far as they exist in `node`; keys may themselves contain dots."""
    if isinstance(part, int) or (isinstance(node, dict) and part in node):
        return (part,)
    if isinstance(node, list) and (match := re.fullmatch(r"\[(\d+)\]\.?(.*)", part, re.DOTALL)):
        index = int(match[1])
        rest = _split(node[index], match[2]) if match[2] and index < len(node) else ()
        return (index, *rest)
    if isinstance(node, dict):
        for cut in (match.start() for match in re.finditer(r"[.\[]", part)):
            if (head := part[:cut]) in node:
                return (head, *_split(node[head], part[cut:].removeprefix(".")))
    return (part,)


def _shown(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return None
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"
