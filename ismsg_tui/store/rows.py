"""How each entity is a row of its table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec.structs import astuple

from ismsg_tui.domain.entities import (
    Channel,
    Contact,
    Conversation,
    Entity,
    Message,
    ReadMark,
    Snippet,
    User,
    Workspace,
)
from ismsg_tui.domain.packing import convert, unpack_anything
from ismsg_tui.domain.text import clean

NEWEST_FIRST = "status = 'open' DESC, opened_at DESC, id DESC"
"""How a contact's conversations are ordered; the same as `domain.state.newness`."""

E = TypeVar("E", bound=msgspec.Struct)
Values = tuple[str | int | None, ...]

_pack = msgspec.json.Encoder().encode


class Table(Generic[E]):
    """One entity type and its table; the columns are the struct's fields by name.

    `free_text` names the columns whose text comes from people and is sanitised at this door; `packed` those that
    hold tuples, mappings or structs, stored as JSON.
    """

    def __init__(
        self, name: str, type_: type[E], *, free_text: tuple[str, ...] = (), packed: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.type = type_
        self.columns = type_.__struct_fields__
        self._packed = packed
        hints = get_type_hints(type_)
        places = {column: place for place, column in enumerate(self.columns)}
        self._text = [places[column] for column in free_text if column not in packed]
        self._to_pack = [(places[column], column in free_text) for column in packed]
        # SQLite would look for an adapter of each single value of these.
        self._bare = [places[column] for column in self.columns if _holds(hints[column], (Enum, bool))]
        names = ", ".join(self.columns)
        holes = ", ".join("?" for _ in self.columns)
        changes = ", ".join(f"{column} = excluded.{column}" for column in self.columns if column != "id")
        self.select = f"SELECT {names} FROM {name}"
        self.write_local = f"INSERT INTO {name} ({names}) VALUES ({holes}) ON CONFLICT (id) DO UPDATE SET {changes}"
        self.write_truth = (
            f"INSERT INTO {name} ({names}, rev) VALUES ({holes}, ?) "
            f"ON CONFLICT (id) DO UPDATE SET {changes}, rev = excluded.rev WHERE excluded.rev >= {name}.rev"
        )

    def encode(self, entity: E) -> Values:
        """The row's values in the order of `columns`, free text sanitised."""
        values = list(astuple(entity))
        for place in self._bare:
            value = values[place]
            if value is not None:
                values[place] = value._value_ if isinstance(value, Enum) else int(value)  # `value` is far slower
        for place in self._text:
            if value := values[place]:
                values[place] = clean(value)
        for place, is_text in self._to_pack:
            value = values[place]
            if value == ():  # by far the most
                values[place] = "[]"
            elif value is not None:
                values[place] = _packed_text(value) if is_text and value else _pack(value).decode()
        return tuple(values)

    def decode(self, row: Mapping[str, Any]) -> E:
        """The entity of a row that has at least `columns`."""
        values = {column: row[column] for column in self.columns}
        for column in self._packed:
            if values[column] is not None:
                values[column] = unpack_anything(values[column])
        return convert(values, self.type, strict=False)


def _holds(hint: Any, types: tuple[type, ...]) -> bool:
    """Whether a field of this type may hold one of `types`."""
    return any(isinstance(part, type) and issubclass(part, types) for part in get_args(hint) or (hint,))


def _packed_text(value: Any) -> str:
    with suppress(UnicodeEncodeError):  # of halves of characters
        packed = _pack(value).decode()
        if packed.isascii() and packed.isprintable() and "\\" not in packed:
            return packed
    return _pack(_cleaned(msgspec.to_builtins(value))).decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


WORKSPACE = Table("workspace", Workspace, free_text=("name", "categories"), packed=("categories",))
USER = Table("user", User, free_text=("name", "email", "team"))
CHANNEL = Table("channel", Channel, free_text=("kind", "name"), packed=("media",))
CONTACT = Table(
    "contact",
    Contact,
    free_text=("first_name", "last_name", "phone", "email", "country", "language", "tags", "fields"),
    packed=("tags", "fields"),
)
CONVERSATION = Table("conversation", Conversation, free_text=("category", "summary", "closed_by_team"))
MESSAGE = Table(
    "message",
    Message,
    free_text=("text", "error", "event", "attachments"),
    packed=("event", "mentions", "attachments"),
)
READ_MARK = Table("read_mark", ReadMark)
SNIPPET = Table(
    "snippet", Snippet, free_text=("name", "text", "topic", "language", "attachments"), packed=("attachments",)
)

_BY_TYPE: dict[type[Any], Table[Any]] = {
    table.type: table for table in (WORKSPACE, USER, CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, SNIPPET)
}
_BY_NAME: dict[str, Table[Any]] = {table.name: table for table in _BY_TYPE.values()}


def table_of(entity: Entity) -> Table[Any]:
    """The table in which an entity is a row."""
    return _BY_TYPE[type(entity)]


def table_named(name: str) -> Table[Any]:
    """The table of that name."""
    return _BY_NAME[name]
