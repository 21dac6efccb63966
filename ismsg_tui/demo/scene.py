"""What the demo is made of: the hotel's workspace, and one scene for each guest who writes in.

The frozen structs into which `content` decodes it. They know what a guest says next, and neither wait nor send nor show
anything.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from ismsg_tui.domain.entities import Category, ClosingNotes, Role
from ismsg_tui.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

ME = "me"
"""The handle of the person who tries the demo."""

Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(ge=0)]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,50}$")]
Email = Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Phone = Annotated[str, Meta(pattern=r"^\+[0-9]{7,15}$")]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2}$")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]


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
        return frozenset(file for line in lines_of(self) for file in line.files)

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


def lines_of(scene: Scene) -> Iterator[Line]:
    """Every line that the guest may say, but for the farewell."""
    yield from scene.opening
    yield from (line for beat in scene.answers for line in beat.says)
    if scene.impatient:
        yield scene.impatient


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
