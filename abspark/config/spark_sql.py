"""Reading Spark SQL expressions into words and a tree, with sqlglot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from abspark.config.forms import SIGNS

MAX_LENGTH: Final = 10_000
MAX_WORDS: Final = 1_000
MAX_NESTING: Final = 30

_OPENING: Final = ("(", "[", "case")
_CLOSING: Final = (")", "]", "end")
_PREFIXES: Final = ("not", "!", "-", "+", "~")
_AS_WRITTEN: Final = (
    *("GET_JSON_OBJECT", "FROM_UTC_TIMESTAMP", "TO_UTC_TIMESTAMP"),
    *("SHIFTLEFT", "SHIFTRIGHT", "LOG10", "LOG2", "LEVENSHTEIN"),
)
_QUOTED: Final = ("STRING", "RAW_STRING", "IDENTIFIER", "NUMBER")


@dataclass(frozen=True)
class Word:
    """A token. `kind` is sqlglot's; `is_sign` tells punctuation from words, names and literals."""

    text: str
    kind: str
    is_sign: bool

    @property
    def is_name(self) -> bool:
        """Whether it can name a function: a bare word or one in backticks."""
        return not self.is_sign and self.kind not in ("STRING", "RAW_STRING", "NUMBER")


@lru_cache(maxsize=1024)
def parse(text: str) -> tuple[tuple[Word, ...], Any]:
    """The words and the tree of one expression.

    Raises:
        ValueError: not one readable expression, or too long or too deep to be parsed safely.
    """
    from sqlglot import exp
    from sqlglot.errors import ParseError, SqlglotError

    if len(text) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    try:
        words = tuple(_word(token) for token in dialect()().tokenize(text))
        _refuse(words)
        return words, exp.condition(text, dialect=dialect(), copy=False)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ParseError as error:
        place = next((item for item in error.errors if item.get("highlight")), None)
        near = f" near {place['highlight']!r}" if place else ""
        raise ValueError(f"is no Spark SQL expression: it cannot be read{near}") from None
    except IndexError:  # the parser's, where map() has a key without a value
        raise ValueError("is no Spark SQL expression: a function lacks an argument") from None
    except SqlglotError:
        raise ValueError("is no Spark SQL expression: a quote or comment is not closed") from None


@cache
def dialect() -> Any:
    """Spark's dialect, in which some functions stay calls as they are written.

    The parser would read JSON paths, of which it knows fewer forms than Spark and says so on stderr, and would make of
    time zones and shifts what stands for syntax that Spark lacks.
    """
    from sqlglot.dialects.spark import Spark

    functions = {name: made for name, made in Spark.parser_class.FUNCTIONS.items() if name not in _AS_WRITTEN}
    parser = type("Parser", (Spark.parser_class,), {"FUNCTIONS": functions})
    escapes = [*Spark.tokenizer_class.STRING_ESCAPES, "'", '"']
    tokenizer = type("Tokenizer", (Spark.tokenizer_class,), {"STRING_ESCAPES": escapes})
    return type("SparkAsWritten", (Spark,), {"Parser": parser, "Tokenizer": tokenizer})


def nodes(tree: Any) -> Iterator[Any]:
    """All nodes, outermost first, without recursion."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.iter_expressions(reverse=True))


def form(node: Any) -> str:
    """The parser's name of what a node is."""
    return type(node).__name__


def bare_functions() -> frozenset[str]:
    """Token kinds of functions that need no brackets, such as current_date."""
    return frozenset(kind.name for kind in dialect().parser_class.NO_PAREN_FUNCTIONS)


def _word(token: Any) -> Word:
    kind, text = token.token_type.name, token.text
    plain = text[:1].isalnum() or text.startswith("_")
    return Word(text, kind, kind not in _QUOTED and not plain)


def _refuse(words: tuple[Word, ...]) -> None:
    if not words:
        raise ValueError("is empty")
    if len(words) > MAX_WORDS:
        raise ValueError(f"has more than {MAX_WORDS} words and signs")
    depth = prefixes = 0
    for word in words:
        text = word.text.lower()
        depth += (text in _OPENING) - (text in _CLOSING)
        prefixes = prefixes + 1 if text in _PREFIXES else 0
        if max(depth, prefixes) > MAX_NESTING:
            raise ValueError(f"is nested more than {MAX_NESTING} deep")
        if word.is_sign and text == ";":
            raise ValueError("must be one expression, without a semicolon")
        if word.is_sign and text not in SIGNS:
            raise ValueError(f"uses {word.text!r}, which is not allowed")
