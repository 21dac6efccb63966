"""How each entity is a row of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Generic, TypeVar

import msgspec

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
        self._in_order: Callable[[dict[str, Any]], Values] = itemgetter(*self.columns)
        self._free_text = free_text
        self._packed = packed
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
        values: dict[str, Any] = msgspec.to_builtins(entity)
        for column in self._free_text:
            if value := values[column]:
                values[column] = clean(value) if type(value) is str else _cleaned(value)
        for column in self._packed:
            value = values[column]
            values[column] = None if value is None else _pack(value).decode()
        return self._in_order(values)

    def decode(self, row: Mapping[str, Any]) -> E:
        """The entity of a row that has at least `columns`."""
        values = {column: row[column] for column in self.columns}
        for column in self._packed:
            if values[column] is not None:
                values[column] = msgspec.json.decode(values[column])
        return msgspec.convert(values, self.type, strict=False)


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
