"""The hotel as rows: the workspace, its guests, and the conversations they had before the demo began.

Ids follow from the names in the content, so that a workspace that was kept is recognised when it is opened again.
"""

from __future__ import annotations

import random
import re

from ismsg_tui.demo.content import DemoError
from ismsg_tui.demo.delivery import CHANNEL, last_step
from ismsg_tui.demo.memory_stage import MemoryStage
from ismsg_tui.demo.scene import ME, DemoWorkspace, Past, Scene
from ismsg_tui.domain.commands import (
    Actor,
    AddComment,
    AssignContact,
    CloseConversation,
    Command,
    CreateContact,
    Issued,
    ReceiveMessage,
    SendMessage,
    SetDelivery,
)
from ismsg_tui.domain.entities import Channel, Contact, Entity, Role, Snippet, Source, User, Workspace
from ismsg_tui.domain.ids import Part, content_id, derived_id
from ismsg_tui.domain.media import media_of

GUEST = Actor(None, Source.CONTACT)

_DAY = 24 * 3_600_000
_MINUTE = 60_000


def demo_id(kind: str, name: str) -> str:
    """The id of something that has a name in the demo."""
    return content_id(0, "demo", kind, name)


class Hotel:
    """The workspace of the demo, with the ids of everybody and everything in it."""

    def __init__(self, workspace: DemoWorkspace, me: str = "") -> None:
        """`me` is what the person who tries the demo is called; else as in the workspace."""
        self.content = workspace
        self.workspace_id = demo_id("workspace", workspace.name)
        self.users = {user.handle: demo_id("user", user.handle) for user in workspace.users}
        self.teammates = {user_id for handle, user_id in self.users.items() if handle != ME}
        self.channels = {channel.name: demo_id("channel", channel.name) for channel in workspace.channels}
        self.kinds = {channel.name: channel.kind for channel in workspace.channels}
        self._names = {user.handle: user.name for user in workspace.users} | ({ME: me} if me else {})
        self._managers = [user.handle for user in workspace.users if user.role is Role.MANAGER and user.handle != ME]

    @property
    def me(self) -> str:
        """The id of the person who tries the demo."""
        return self.users[ME]

    def assigner(self, assignee: str) -> str:
        """The handle of whoever gives a guest to the user with this handle: a manager, else the user himself."""
        return next(iter(self._managers), assignee)

    def rows(self) -> list[Entity]:
        """The workspace, users, channels and snippets."""
        content = self.content
        workspace = Workspace(
            id=self.workspace_id,
            name=content.name,
            closing_notes=content.closing_notes,
            categories=content.categories,
        )
        users = [
            User(id=self.users[user.handle], name=self._names[user.handle], team=user.team, role=user.role)
            for user in content.users
        ]
        channels = [
            Channel(
                id=self.channels[channel.name],
                kind=channel.kind,
                name=channel.label,
                text_limit=channel.text_limit,
                media=media_of(channel.kind),
            )
            for channel in content.channels
        ]
        snippets = [
            Snippet(
                id=demo_id("snippet", snippet.name),
                name=snippet.name,
                text=snippet.text,
                topic=snippet.topic,
                language=snippet.language,
            )
            for snippet in content.snippets
        ]
        return [workspace, *users, *channels, *snippets]

    def contact(self, scene: Scene) -> Contact:
        """The guest of a scene, as the channel introduces them."""
        guest = scene.contact
        return Contact(
            id=demo_id("contact", scene.id),
            first_name=guest.first_name,
            last_name=guest.last_name,
            phone=guest.phone or "",
            email=guest.email or "",
            country=guest.country,
            language=guest.language,
            tags=guest.tags,
            fields=guest.fields,
            channel_id=self.channels[guest.channel],
        )

    def comment(self, contact_id: str, text: str) -> AddComment:
        """An internal comment in which `@handle` is spelled as the user's name and mentions them."""
        handles = [handle for handle in re.findall(r"(?<!\w)@(\w+)", text) if handle in self.users]
        spelled = re.sub(r"(?<!\w)@(\w+)", lambda found: f"@{self._names.get(found[1], found[1])}", text)
        return AddComment(contact_id, spelled, tuple(dict.fromkeys(self.users[handle] for handle in handles)))


def record_history(stage: MemoryStage, hotel: Hotel, scene: Scene, start: int, rng: random.Random) -> None:
    """Write down a guest's earlier conversations, as they happened before `start` (milliseconds)."""
    past = sorted(scene.history, key=lambda past: past.days_ago)
    begins: list[int] = []
    limit = start + round(min(scene.arrives, 0) * 1000)
    for conversation in past:
        length = sum(round(turn.after * 1000) for turn in conversation.turns)
        limit = min(start - conversation.days_ago * _DAY - rng.randrange(6 * 60) * _MINUTE, limit - length - _DAY // 4)
        begins.append(limit)
    history = _History(stage, hotel, scene)
    for begin, conversation in sorted(zip(begins, past, strict=True), key=lambda found: found[0]):
        history.play(begin, conversation)
    wanted = hotel.users[scene.assignee] if scene.assignee else None
    if history.holder not in (None, wanted):
        history.act(Actor(history.holder), AssignContact(history.contact_id, None, history.holder))


class _History:
    """Writes conversations of the past; `at` is the time it has come to."""

    def __init__(self, stage: MemoryStage, hotel: Hotel, scene: Scene) -> None:
        self._stage = stage
        self._hotel = hotel
        self._scene = scene
        self._contact = hotel.contact(scene)
        self.contact_id = self._contact.id
        self.holder: str | None = None
        self._at = 0
        self._count = 0

    def play(self, begin: int, past: Past) -> None:
        """Write one conversation, from its first turn to its closing."""
        agent = self._hotel.users[past.agent]
        self._at = begin
        if self._count == 0:
            self.act(GUEST, CreateContact(self._contact))
        elif self.holder not in (None, agent):
            self.act(Actor(agent), AssignContact(self.contact_id, agent, self.holder))
            self.holder = agent
        for turn in past.turns:
            self._at += round(turn.after * 1000)
            match turn.who:
                case "customer":
                    self.act(GUEST, ReceiveMessage(self.contact_id, turn.text, self._contact.channel_id))
                case "agent":
                    self._send(Actor(agent), turn.text)
                case "comment":
                    self.act(Actor(agent), self._hotel.comment(self.contact_id, turn.text))
        self._at += 2 * _MINUTE
        self.act(Actor(agent), CloseConversation(self.contact_id, past.category, past.summary))

    def _send(self, agent: Actor, text: str) -> None:
        self.holder = self.holder or agent.user_id
        issued = self.act(agent, SendMessage(self.contact_id, text, self._contact.channel_id))
        status = last_step(self._hotel.kinds[self._scene.contact.channel])
        self.act(CHANNEL, SetDelivery(self.contact_id, derived_id(issued.id, Part.MAIN), status))

    def act(self, actor: Actor, command: Command) -> Issued:
        """Write one command, a moment after the last. Raises DemoError if a rule refuses it."""
        self._at += 1
        self._count += 1
        issued = Issued(content_id(self._at, "demo", self.contact_id, str(self._count)), command, actor, self._at)
        refusal = self._stage.record(issued).refusal
        if refusal is not None:
            raise DemoError(f"{self._scene.id}: {refusal.reason}")
        return issued
