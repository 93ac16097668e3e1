"""Bodies that mean what they say: strict numbers and truth values, no unknown fields, a limit on everything.

JSON has numbers, texts and truth values, and nobody may send one for another: `true` is no 1, `"7"` and `7.0` are no 7.
Ids and days travel as texts. A model that names no limit gets the ones of this file.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from huida.kernel.errors import Invalid

LARGEST: Final = 10**12
"""No amount, count or number in a body is beyond this, either way: a thousand of them still fit into 64 bits."""
LONGEST: Final = 1000
"""Letters of a text whose field names no limit."""
MOST: Final = 1000
"""Entries of a list or a map whose field names no limit."""
DEEPEST: Final = 32
"""How deep a body may nest."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\S+.*", re.S)
_LIMITS: Final[dict[str, dict[str, Any]]] = {
    "int": {"strict": True, "ge": -LARGEST, "le": LARGEST},
    "float": {"strict": True},
    "bool": {"strict": True},
    "str": {"max_length": LONGEST},
    "list": {"max_length": MOST},
    "dict": {"max_length": MOST},
}
_OPPOSITE: Final = {"ge": "gt", "le": "lt"}
_NOT_SCHEMAS: Final = frozenset({"metadata", "serialization", "cls", "ref", "default", "config"})
T = TypeVar("T")


def _strict(schema: Any) -> Any:
    """The same schema with the limits of this file wherever it names none."""
    if isinstance(schema, list | tuple):
        return type(schema)(_strict(part) for part in schema)
    if not isinstance(schema, dict):
        return schema
    made = {name: part if name in _NOT_SCHEMAS else _strict(part) for name, part in schema.items()}
    kind = made.get("type")
    for name, limit in _LIMITS.get(kind, {}).items() if isinstance(kind, str) else ():
        if _OPPOSITE.get(name) not in made:
            made.setdefault(name, limit)
    as_text = {"date": _day_as_text, "datetime": _time_as_text}.get(kind) if isinstance(kind, str) else None
    return made if as_text is None else core_schema.no_info_before_validator_function(as_text, cast(CoreSchema, made))


def _day_as_text(value: Any) -> Any:
    """pydantic would take a number, or a text of digits, for seconds since 1970."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PydanticCustomError("day_as_text", "a day is a text as 2026-11-21")
    return value


def _time_as_text(value: Any) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise PydanticCustomError("time_as_text", "a time is a text as 2026-11-21T10:00:00+08:00")
    return value


class Body(BaseModel):
    """A request's body: unknown fields are refused, numbers and truth values are strict, everything has a limit."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        made: CoreSchema = _strict(handler(source))
        return made


def _on_our_line(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as wrong:
        raise ValueError("beyond the end of time") from wrong


Moment = Annotated[AwareDatetime, BeforeValidator(_time_as_text), AfterValidator(_on_our_line)]
"""A time with its zone, as UTC. A time without a zone is another hour than its writer meant."""
Day = Annotated[date, BeforeValidator(_day_as_text)]
"""A calendar day, as 2026-11-21."""
SmallNumber = Annotated[int, Field(ge=0, le=32_767)]
"""A number in a path that counts things of a small column."""
BigNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A number in a path that somebody else has given to a thing."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises: bytes that are not UTF-8 are found late, inside a text; what nests without end, at the end."""
_NAMED = re.compile(r"(?:missing required field|contains unknown field) `([^`]*)`")


def unreadable(wrong: Exception) -> Invalid:
    """Where and what could not be read: `Expected int - at $.total_fen` becomes where `total_fen`."""
    message = str(wrong)
    said, _, path = message.partition(" - at `")
    where = path.rstrip("`").removeprefix("$").lstrip(".").replace("[", "/").replace("]", "").replace(".", "/")
    named = _NAMED.search(said)
    if named is not None:
        where = f"{where}/{named[1]}".lstrip("/")
    code = "request.invalid" if isinstance(wrong, msgspec.ValidationError) else "request.not_json"
    return Invalid(code=code, where=where or None, detail=said)


def decoded(raw: bytes, kind: type[T]) -> T:
    """A body by msgspec, for doors that read their own. Raises Invalid with `where`."""
    try:
        value: T = msgspec.json.decode(raw, type=kind)
    except UNREADABLE as wrong:
        raise unreadable(wrong) from None
    if suspicious(raw):
        check_plain(msgspec.to_builtins(value))
    return value


def plain(raw: bytes) -> Any:
    """A body as lists, maps, texts and numbers. Raises Invalid: no JSON, too deep, or a text with a NUL."""
    try:
        value = msgspec.json.decode(raw)
    except UNREADABLE as wrong:
        raise unreadable(wrong) from None
    if suspicious(raw):
        check_plain(value)
    return value


def suspicious(raw: bytes) -> bool:
    """Whether a body may hold a NUL or nest too deep: most do not, and are not walked through."""
    return b"\\u0000" in raw or raw.count(b"[") + raw.count(b"{") > DEEPEST


def check_plain(value: Any) -> None:
    """Raises Invalid for what a database cannot keep: a NUL in a text or name, at any depth, or endless nesting."""
    waiting: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while waiting:
        one, path = waiting.pop()
        if len(path) > DEEPEST:
            raise Invalid(where="/".join(path[:3]), detail=f"nested deeper than {DEEPEST}")
        if isinstance(one, str):
            if "\0" in one:
                raise Invalid(where="/".join(path) or None, detail="a text must not hold NUL")
        elif isinstance(one, list | tuple):
            waiting += [(part, (*path, str(place))) for place, part in enumerate(one)]
        elif isinstance(one, dict):
            if any("\0" in name for name in one if isinstance(name, str)):
                raise Invalid(where="/".join(path) or None, detail="a name must not hold NUL")
            waiting += [(part, (*path, str(name))) for name, part in one.items()]
