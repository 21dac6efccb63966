"""What the demo is made of: the hotel's workspace, and one scene for each guest who writes in.

The content stands beside this module, in `workspace.toml` and `scenes/*.toml`, and is decoded into the frozen structs
below. This module reads it, checks it, and knows what a guest says next; it neither waits nor sends nor shows anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from ismsg_tui.domain.entities import Category, ClosingNotes, Role
from ismsg_tui.domain.packing import convert
from ismsg_tui.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

CONTENT: Traversable = files("ismsg_tui.demo")
"""The folder that holds `workspace.toml`, `scenes/` and `files/`."""

ME = "me"
"""The handle of the person who tries the demo."""

Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,50}$")]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Phone = Annotated[str, Meta(pattern=r"^\+[0-9]{7,15}$")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2}$")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]


class DemoError(Exception):
    """The demo's content is wrong; the message names the file and what in it."""


class Enclosure(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file in `files/` that goes with a message; it is a voice note where it lasts so many `seconds`."""

    name: Text
    seconds: Annotated[float, Meta(gt=0)] | None = None
    peaks: tuple[Annotated[int, Meta(ge=0, le=100)], ...] = ()


class Line(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One message, sent `after` seconds since the one before it: a text, files or both."""

    text: str = ""
    after: Seconds
    files: tuple[Enclosure, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """By what the message is known once it was sent: its text and the names of its files."""
        return clean(self.text), *(file.name for file in self.files)


class Beat(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a guest says to a reply in which they hear one of these words or word stems; if there are none, to any."""

    hears: tuple[Text, ...] = ()
    says: Annotated[tuple[Line, ...], Meta(min_length=1)]


class Turn(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of an earlier conversation, `after` seconds since the one before; the agent wrote the comments."""

    who: Literal["customer", "agent", "comment"]
    text: Text
    after: Seconds


class Past(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An earlier conversation, closed after its last turn by the agent who held it, with this closing note."""

    days_ago: Annotated[int, Meta(ge=1)]
    agent: str
    category: str
    summary: Text
    turns: Annotated[tuple[Turn, ...], Meta(min_length=1)]


class Comment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An internal note by a teammate; `@handle` in its text mentions one."""

    who: str
    text: Text


class Guest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The contact that a scene is about, and the name of the channel they write through."""

    first_name: Text
    last_name: Text
    channel: str
    language: Language
    country: Country
    phone: Phone | None = None
    email: Email | None = None
    tags: tuple[Text, ...] = ()
    fields: dict[Slug, str] = {}


class Scene(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A guest's part in the demo.

    `arrives` is when the first line of `opening` is sent, in seconds since the demo's start; where it is negative, the
    guest has been waiting that long. `comments` stand behind the opening. `impatient` is sent if nobody has answered
    `impatient.after` seconds after the last line of the opening; `farewell` if the conversation is closed at the end.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z]+(-[a-z]+)*$")]
    arrives: float
    contact: Guest
    opening: Annotated[tuple[Line, ...], Meta(min_length=1)]
    answers: Annotated[tuple[Beat, ...], Meta(min_length=2)]
    assignee: str | None = None
    history: tuple[Past, ...] = ()
    impatient: Line | None = None
    farewell: Text | None = None
    comments: tuple[Comment, ...] = ()

    @property
    def files(self) -> frozenset[Enclosure]:
        """Every file that the guest may send."""
        return frozenset(file for line in _lines(self) for file in line.files)

    def answer(self, used: set[int], reply: str) -> int | None:
        """Choose the beat that answers a reply: its index in `answers`, which the caller then adds to `used`.

        A beat that hears something goes before one that answers anything. The last beat is the goodbye: it answers
        anything, and behind it there is nothing more to say.
        """
        if len(self.answers) - 1 in used:
            return None
        unused = [(index, beat) for index, beat in enumerate(self.answers) if index not in used]
        heard = _fold(reply)
        hearing = (index for index, beat in unused if any(_stem(word).search(heard) for word in beat.hears))
        anything = (index for index, beat in unused if not beat.hears)
        return next(hearing, next(anything, None))


class DemoUser(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A teammate; or the person who tries the demo, whose handle is `ME`."""

    handle: Slug
    name: Text
    team: Text
    role: Role


class DemoChannel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A channel of the hotel: `name` is what scenes call it, `label` what people call it."""

    name: Slug
    kind: Slug
    text_limit: Annotated[int, Meta(gt=0)]
    label: Text


class DemoSnippet(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stored reply; its text may hold variables such as `$contact.firstname`."""

    name: Text
    topic: Text
    language: Language
    text: Text


class Take(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A teammate answers a guest by themselves, unless somebody else was quicker.

    They take the contact and send the first line of `says` `after` seconds since the end of the opening or the start of
    the demo, whichever is later (the first line's own `after` is added). Each further line follows the guest's next
    answer.
    """

    scene: str
    user: str
    after: Seconds
    says: Annotated[tuple[Line, ...], Meta(min_length=1)]


class DemoWorkspace(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hotel: who works there, how it is reached, and what is at hand."""

    name: Text
    closing_notes: ClosingNotes
    users: tuple[DemoUser, ...]
    channels: tuple[DemoChannel, ...]
    categories: tuple[Category, ...]
    snippets: tuple[DemoSnippet, ...]
    teammate_lines: tuple[Text, ...]
    takes: tuple[Take, ...]


def load_workspace(folder: Traversable = CONTENT) -> DemoWorkspace:
    """Read and check the hotel's workspace; raises DemoError."""
    name = "workspace.toml"
    workspace = _decode(folder / name, name, DemoWorkspace)
    for problem in _workspace_problems(workspace):
        raise DemoError(f"{name}: {problem}")
    return workspace


def load_scenes(folder: Traversable = CONTENT) -> list[Scene]:
    """Read all scenes in the order in which the guests arrive, checked against the workspace; raises DemoError."""
    workspace = load_workspace(folder)
    scenes: list[Scene] = []
    for file in sorted((folder / "scenes").iterdir(), key=lambda file: file.name):
        stem, dot, suffix = file.name.rpartition(".")
        if dot + suffix == ".toml":
            scene = _decode(file, f"scenes/{file.name}", Scene, id=stem)
            for problem in _scene_problems(scene, workspace, scenes):
                raise DemoError(f"scenes/{file.name}: {problem}")
            scenes.append(scene)
    for problem in _take_problems(workspace, scenes):
        raise DemoError(f"workspace.toml: {problem}")
    return sorted(scenes, key=lambda scene: scene.arrives)


_Kind = TypeVar("_Kind", bound=Struct)


def _decode(file: Traversable, name: str, kind: type[_Kind], **given: str) -> _Kind:
    """Decode a content file; what is `given` must not stand in the file."""
    try:
        found = msgspec.toml.decode(file.read_bytes(), type=dict[str, object])
        for key in given.keys() & found.keys():
            raise DemoError(f"{name}: leave out '{key}', it is '{given[key]}' by the file's name")
        return convert(found | given, kind)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise DemoError(f"{name}: {error}") from error


def _workspace_problems(workspace: DemoWorkspace) -> Iterator[str]:
    handles = [user.handle for user in workspace.users]
    yield from _twice("user", handles)
    yield from _twice("channel", [channel.name for channel in workspace.channels])
    yield from _twice("category", [category.name for category in workspace.categories])
    yield from _twice("snippet", [snippet.name.casefold() for snippet in workspace.snippets])
    yield from _twice("take of", [take.scene for take in workspace.takes])
    if ME not in handles:
        yield f"no user has the handle '{ME}'"
    if not workspace.teammate_lines:
        yield "teammates have no lines"


def _take_problems(workspace: DemoWorkspace, scenes: list[Scene]) -> Iterator[str]:
    assignees = {scene.id: scene.assignee for scene in scenes}
    teammates = {user.handle for user in workspace.users} - {ME}
    for take in workspace.takes:
        if take.scene not in assignees:
            yield f"unknown scene '{take.scene}' to take"
        elif any(line.files or not line.text for line in take.says):
            yield f"whoever takes '{take.scene}' answers in words alone"
        elif take.user not in teammates:
            yield f"'{take.user}', who takes '{take.scene}', is no teammate"
        elif assignees[take.scene] not in (None, take.user):
            yield f"'{take.user}' takes '{take.scene}', who belongs to '{assignees[take.scene]}'"


def _scene_problems(scene: Scene, workspace: DemoWorkspace, others: list[Scene]) -> Iterator[str]:
    contact = scene.contact
    channels = {channel.name: channel for channel in workspace.channels}
    channel = channels.get(contact.channel)
    if channel is None:
        yield f"unknown channel '{contact.channel}'"
        return
    if channel.kind in ("whatsapp", "sms") and contact.phone is None:
        yield f"a contact on {channel.label} needs a phone number"
    if channel.kind == "email" and contact.email is None:
        yield f"a contact on {channel.label} needs an email address"
    for other in others:
        same = {contact.phone, contact.email} & {other.contact.phone, other.contact.email} - {None}
        yield from (f"'{address}' belongs to '{other.id}' already" for address in same)
    for text in _messages(scene):
        if len(text) > channel.text_limit:
            yield f"longer than the {channel.text_limit} characters of {channel.label}: '{text[:40]}…'"
    for line in _lines(scene):
        if not (line.text or line.files):
            yield "a line says nothing and carries nothing"
        yield from (f"no file '{file.name}'" for file in line.files if not (CONTENT / "files" / file.name).is_file())
    if scene.answers[-1].hears:
        yield "the last beat is the goodbye and must answer anything: take its 'hears' away"
    if scene.arrives < 0 and scene.arrives + sum(line.after for line in scene.opening) > 0:
        yield "arrives before the start, but its opening ends after it"
    yield from _name_problems(scene, workspace)


def _name_problems(scene: Scene, workspace: DemoWorkspace) -> Iterator[str]:
    handles = {user.handle for user in workspace.users}
    named = [scene.assignee or ME, *(past.agent for past in scene.history)]
    for comment in scene.comments:
        named += [comment.who, *re.findall(r"(?<!\w)@(\w+)", comment.text)]
    yield from (f"unknown user '{handle}'" for handle in named if handle not in handles)
    categories = {category.name for category in workspace.categories}
    yield from (f"unknown category '{past.category}'" for past in scene.history if past.category not in categories)


def _lines(scene: Scene) -> Iterator[Line]:
    yield from scene.opening
    yield from (line for beat in scene.answers for line in beat.says)
    if scene.impatient:
        yield scene.impatient


def _messages(scene: Scene) -> Iterator[str]:
    """Yield every text that goes through the guest's channel."""
    yield from (line.text for line in _lines(scene))
    yield from (turn.text for past in scene.history for turn in past.turns if turn.who != "comment")
    if scene.farewell:
        yield scene.farewell


def _twice(what: str, names: Iterable[str]) -> Iterator[str]:
    yield from (f"{what} '{name}' is there twice" for name, count in Counter(names).items() if count > 1)


def _fold(text: str) -> str:
    """Spell a text as stems are compared: case, accents and curly apostrophes do not count."""
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'").casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@cache
def _stem(word: str) -> re.Pattern[str]:
    """Compile what finds a word stem in a folded text.

    Where words are set apart by spaces alone, a stem is the start of a word, or the whole word if it has up to three
    letters or digits ("tax" is not in "taxi"). In other scripts it may stand anywhere.
    """
    folded = _fold(word)
    if not unicodedata.name(folded[0], "").startswith(("LATIN", "CYRILLIC", "DIGIT")):
        return re.compile(re.escape(folded))
    return re.compile(rf"(?<!\w){re.escape(folded)}" + (r"(?!\w)" if folded.isalnum() and len(folded) <= 3 else ""))
