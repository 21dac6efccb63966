"""Recorded conversations as live traffic: customers write at their recorded pace, and so do the agents of then.

Whoever takes a contact over has it to themselves: the recorded agent holds still, and the customer goes on with what
comes next after each reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from ismsg_tui.demo.content import DemoError
from ismsg_tui.demo.delivery import deliver, is_under_way
from ismsg_tui.demo.hotel import GUEST, demo_id
from ismsg_tui.demo.player import Part, Player, in_hand
from ismsg_tui.demo.scene import ME
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    CloseConversation,
    Command,
    CreateContact,
    ReceiveMessage,
    SendMessage,
)
from ismsg_tui.domain.entities import (
    Channel,
    Entity,
    Message,
    MessageKind,
    Role,
    Source,
    User,
    Workspace,
)
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.media import media_of
from ismsg_tui.domain.message_rules import COMMENT_LIMIT
from ismsg_tui.domain.text import clean
from ismsg_tui.importer.dialogues import AGENT, PAUSE, TEXT_LIMIT, Dialogue, Turn, contact_of, read_dialogue
from ismsg_tui.importer.reading import Problem, ReadError
from ismsg_tui.importer.reading import Source as File

STAGGER = 15.0
"""Seconds between the beginnings of two conversations."""

KIND = "web"
LOOK_UP = Actor(None, Source.BOT)
ME_ID = demo_id("user", ME)


class Recording(Struct, frozen=True):
    """The dialogues of a file, and the lines that are none."""

    path: Path
    dialogues: list[Dialogue]
    problems: list[Problem]

    @property
    def workspace_id(self) -> str:
        """The id of the workspace that recordings are played into."""
        return demo_id("workspace", "replay")

    def rows(self, me: str = "") -> list[Entity]:
        """The workspace with the person at the console, called `me`, the agents, and a channel per source."""
        rows: dict[str, Entity] = {}
        for dialogue in self.dialogues:
            agent = User(id=_agent_id(dialogue), name=dialogue.meta.agent_id or AGENT)
            channel = Channel(
                id=_channel_id(dialogue),
                kind=KIND,
                name=dialogue.seed[1],
                text_limit=TEXT_LIMIT,
                media=media_of(KIND),
            )
            rows |= {agent.id: agent, channel.id: channel}
        workspace = Workspace(id=self.workspace_id, name="Replay")
        return [workspace, User(id=ME_ID, name=me or "You", role=Role.OWNER), *rows.values()]

    def parts(self, player: Player, known: set[str]) -> list[Part]:
        """A part for each dialogue; those whose contact is not `known` begin one after the other."""
        parts: list[Part] = []
        new = 0
        for dialogue in self.dialogues:
            parts.append(ReplayPart(player, dialogue, after=new * STAGGER))
            new += dialogue.contact_id not in known
        return parts


def read_recording(path: Path) -> Recording:
    """Read a file of dialogues. Raises DemoError if there is none to be read in it."""
    dialogues: dict[str, Dialogue] = {}
    problems: list[Problem] = []
    number = 0
    try:
        with File(path) as file:
            for number, line in file.lines():
                try:
                    dialogue = read_dialogue(line)
                    dialogues.setdefault(dialogue.contact_id, dialogue)
                except ValueError as error:
                    problems.append(Problem(path, number, str(error)))
    except ReadError as error:
        problems.append(Problem(path, number + 1, str(error)))
    except OSError as error:
        raise DemoError(f"Can't read {path}: {error.strerror or error}.") from error
    if not dialogues:
        reason = f" (line {problems[0].line}: {problems[0].reason})" if problems else ""
        raise DemoError(f"There is no conversation in {path}{reason}.")
    return Recording(path, list(dialogues.values()), problems)


def _agent_id(dialogue: Dialogue) -> str:
    return content_id(0, "user", dialogue.meta.agent_id or AGENT)


def _channel_id(dialogue: Dialogue) -> str:
    return content_id(0, "channel", dialogue.seed[1])


class ReplayPart:
    """Plays one dialogue, from the place to which its contact's timeline has come."""

    def __init__(self, player: Player, dialogue: Dialogue, *, after: float) -> None:
        """The first turn is said `after` seconds, if nothing of the dialogue has been said yet."""
        self.contact_id = dialogue.contact_id
        self._player = player
        self._dialogue = dialogue
        self._turns = dialogue.turns
        self._after = after
        self._agent = Actor(_agent_id(dialogue))
        self._channel_id = _channel_id(dialogue)
        self._lines: list[Message] = []
        self._next = 0
        self._plans = 0
        self._holds = False
        """Whether the recorded agent has fallen silent before a turn of theirs."""

    # The part

    def begin(self, lines: Sequence[Message]) -> None:
        """Go on where the timeline ends."""
        self._lines = list(lines)
        for line in lines:
            if is_under_way(line, KIND):
                deliver(self._player, line, KIND, lambda _: None)
        if not lines:
            self._plan(self._after)
            return
        self._next = _progress(self._turns, lines)
        if lines[-1].author_id == ME_ID:
            self._skip_to_customer()
        self._plan(self._gap())

    def notice(self, line: Message) -> None:
        """Hear of a message to be delivered, or that the contact has changed hands."""
        self._lines.append(line)
        if line.kind is MessageKind.OUTGOING:
            deliver(self._player, line, KIND, self.read)
        elif line.event is not None and self._holds and not self._is_taken():
            self._plan(self._gap())

    def read(self, message: Message) -> None:
        """After an answer of the person at the console the customer goes on, unless they are still writing."""
        is_writing = self._next < len(self._turns) and self._turns[self._next].who == "customer"
        if message.author_id == ME_ID and (self._holds or not is_writing):
            self._skip_to_customer()
            self._plan(self._gap())

    # Playing

    def _is_taken(self) -> bool:
        contact = self._player.contact(self.contact_id)
        return contact is not None and ME_ID in (contact.assignee_id, in_hand(contact.assignee_id, self._lines))

    def _gap(self) -> float:
        """The seconds between the last turn and the next."""
        if not 0 < self._next < len(self._turns):
            return 0.0
        before, after = self._turns[self._next - 1].t, self._turns[self._next].t
        return PAUSE / 1000 if before is None or after is None else max(after - before, 0.0)

    def _skip_to_customer(self) -> None:
        while self._next < len(self._turns) and self._turns[self._next].who != "customer":
            self._next += 1

    def _plan(self, seconds: float) -> None:
        self._holds = False
        self._plans += 1
        number = self._plans
        self._player.later(seconds, lambda: self._step() if number == self._plans else None)

    def _step(self) -> None:
        if self._next >= len(self._turns):
            return
        turn = self._turns[self._next]
        if turn.who != "customer" and self._is_taken():
            self._holds = True
            return
        if self._player.contact(self.contact_id) is None:
            self._player.act(GUEST, CreateContact(contact_of(self._dialogue, self._channel_id)))
        for actor, command in self._acts(turn):
            self._player.act(actor, command)
        self._next += 1
        if self._next < len(self._turns):
            self._plan(self._gap())

    def _acts(self, turn: Turn) -> list[tuple[Actor, Command]]:
        """What a turn does; a look-up of the agent's is a comment, in pieces if it is long."""
        if turn.who == "customer":
            return [(GUEST, ReceiveMessage(self.contact_id, turn.text, self._channel_id))]
        if turn.who == "agent":
            return [(self._agent, SendMessage(self.contact_id, turn.text, self._channel_id))]
        if turn.kind == "end":
            return [(self._agent, CloseConversation(self.contact_id))]
        pieces = [turn.text[start : start + COMMENT_LIMIT] for start in range(0, len(turn.text), COMMENT_LIMIT)]
        return [(LOOK_UP, AddComment(self.contact_id, piece)) for piece in pieces]


def _progress(turns: Sequence[Turn], lines: Sequence[Message]) -> int:
    """How many turns were said, or passed over because somebody else answered, to reach the end of these lines."""
    said = {
        "customer": sum(line.kind is MessageKind.INCOMING for line in lines),
        "agent": sum(line.kind is MessageKind.OUTGOING and line.author_id != ME_ID for line in lines),
    }
    noted = {clean(line.text) for line in lines if line.kind is MessageKind.COMMENT}
    for number, turn in enumerate(turns):
        if turn.who == "system":
            if not any(said.values()) and clean(turn.text[:COMMENT_LIMIT]) not in noted:
                return number
        elif said[turn.who]:
            said[turn.who] -= 1
        elif not said["customer"]:
            return number
    return len(turns)
