"""A guest of the hotel: writes in when their scene says so, and answers what the agents say."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from ismsg_tui.demo.delivery import deliver, is_under_way
from ismsg_tui.demo.enclosures import attachment
from ismsg_tui.demo.enclosures import heard as words_of
from ismsg_tui.demo.hotel import GUEST, Hotel
from ismsg_tui.demo.player import Player
from ismsg_tui.demo.scene import Line, Scene
from ismsg_tui.domain.commands import Actor, AssignContact, CreateContact, ReceiveMessage
from ismsg_tui.domain.entities import Delivery, EventType, Message, MessageKind
from ismsg_tui.domain.text import clean

PAUSE = 2.5
"""Seconds for which a guest waits whether the agent has more to say."""

OUT_OF_REACH = frozenset({"ruaridh-macleod"})
"""Scenes whose guest is out of reach at first ("signal comes & goes"): the first message to them fails."""


class Team(Protocol):
    """The teammates, as far as a guest's part needs them."""

    def has_arrived(self, guest: GuestPart) -> None:
        """The guest has said what they came with."""
        ...

    def notice(self, guest: GuestPart, line: Message) -> None:
        """A new line stands in the guest's timeline."""
        ...

    def look_after(self, guest: GuestPart) -> None:
        """The guest has said something and waits."""
        ...


class GuestPart:
    """Plays one scene. What was said already is read off the timeline, so a part can be taken up anywhere."""

    def __init__(self, player: Player, hotel: Hotel, team: Team, scene: Scene) -> None:
        self.scene = scene
        self.contact = hotel.contact(scene)
        self.contact_id = self.contact.id
        self.lines: list[Message] = []
        """The timeline, its lines as they were when they were new."""
        self._player = player
        self._hotel = hotel
        self._team = team
        self._to_say: deque[Line] = deque()
        self._used: set[int] = set()
        self._heard: list[Message] = []
        self._reactions = 0
        self._has_begun = False
        self._has_arrived = False
        self._lost_one = False

    # The part

    def begin(self, lines: Sequence[Message]) -> None:
        """Take up the scene: arrive when it is time, or go on where the timeline ends."""
        self.lines = list(lines)
        scene, said = self.scene, {_key(line) for line in lines if line.kind is MessageKind.INCOMING}
        self._used = {index for index, beat in enumerate(scene.answers) if beat.says[0].key in said}
        begun = [scene.opening, *(scene.answers[index].says for index in sorted(self._used))]
        unsaid = [line for part in begun for line in part if line.key not in said]
        if scene.opening[0].key not in said:
            since = self._player.start_at + round(min(scene.arrives, 0) * 1000)
            self._player.later(max(scene.arrives, 0), self._arrive, since=since)
            return
        self._has_begun = True
        self._lost_one = any(line.status is Delivery.FAILED for line in lines)
        self._go_on(unsaid)

    def _go_on(self, unsaid: list[Line]) -> None:
        for line in self.lines:
            if line.kind is MessageKind.OUTGOING and line.status is not Delivery.FAILED:
                self._heard.append(line)
            elif line.kind is MessageKind.INCOMING:
                self._heard.clear()
            if is_under_way(line, self._kind):
                deliver(self._player, line, self._kind, lambda _: None)
        if unsaid:
            self.say(unsaid)
        else:
            self._pause()

    def notice(self, line: Message) -> None:
        """Hear of an agent's message, an assignment or a closing."""
        self.lines.append(line)
        if line.kind is MessageKind.OUTGOING:
            lost = not self._lost_one and self.scene.id in OUT_OF_REACH
            self._lost_one = self._lost_one or lost
            deliver(self._player, line, self._kind, self.read, lost=lost)
        elif line.event is not None and line.event.type is EventType.CLOSED:
            self._closed()
        self._team.notice(self, line)

    def read(self, message: Message) -> None:
        """Read an agent's message and think of an answer."""
        if not self._has_begun:
            self._player.later(PAUSE, self._arrive)
            return
        self._heard.append(message)
        if not self.is_speaking:
            self._react_soon()

    # What teammates see of a guest

    @property
    def is_speaking(self) -> bool:
        """Whether the guest has more to say right now."""
        return bool(self._to_say)

    @property
    def is_done(self) -> bool:
        """Whether the guest has said goodbye."""
        return len(self.scene.answers) - 1 in self._used

    # Speaking

    @property
    def _kind(self) -> str:
        return self._hotel.kinds[self.scene.contact.channel]

    def say(self, lines: Sequence[Line]) -> None:
        """Say lines one after the other, behind those that are still to be said."""
        idle = not self._to_say
        self._to_say.extend(lines)
        if idle and lines:
            self._player.later(lines[0].after, self._say_next)

    def _say_next(self) -> None:
        line = self._to_say[0]
        files = tuple(attachment(file) for file in line.files)
        self._player.act(GUEST, ReceiveMessage(self.contact_id, line.text, self.contact.channel_id, files))
        self._to_say.popleft()
        if self._to_say:
            self._player.later(self._to_say[0].after, self._say_next)
        else:
            self._player.later(0, self._pause)  # once the line is known to everybody

    def _pause(self) -> None:
        """Nothing more to say for now."""
        if not self._has_arrived:
            self._has_arrived = True
            self._settle_in()
        if self._heard:
            self._react_soon()
        self._team.look_after(self)

    def _react_soon(self) -> None:
        # An agent who writes again in the meantime gets one answer to all of it.
        self._reactions += 1
        number = self._reactions
        self._player.later(PAUSE, lambda: self._react() if number == self._reactions else None)

    def _react(self) -> None:
        if self.is_speaking:
            return
        heard = sorted(self._heard, key=lambda message: (message.at, message.id))
        self._heard.clear()
        index = self.scene.answer(self._used, "\n".join(words_of(message) for message in heard))
        if index is None:
            return
        beat = self.scene.answers[index]
        # What the agent said while the guest was still writing is answered only if it was about something.
        if not beat.hears and heard[-1].at < self._last_said_at():
            return
        self._used.add(index)
        self.say(beat.says)

    def _last_said_at(self) -> int:
        return max((line.at for line in self.lines if line.kind is MessageKind.INCOMING), default=0)

    # Coming, waiting, going

    def _arrive(self) -> None:
        if self._has_begun:
            return
        self._has_begun = True
        if self._player.contact(self.contact_id) is None:
            self._player.act(GUEST, CreateContact(self.contact))
        self._to_say.extend(self.scene.opening)
        self._say_next()

    def _settle_in(self) -> None:
        """The opening is said: a manager gives the guest to somebody, teammates comment, and the waiting begins."""
        player, scene = self._player, self.scene
        player.later(4, self._assign)
        commented = {clean(line.text) for line in self.lines if line.kind is MessageKind.COMMENT}
        for number, comment in enumerate(scene.comments, 1):
            command = self._hotel.comment(self.contact_id, comment.text)
            if clean(command.text) not in commented:
                player.later(9 * number, partial(player.act, Actor(self._hotel.users[comment.who]), command))
        if scene.impatient is not None:
            player.later(scene.impatient.after, self._grow_impatient)
        self._team.has_arrived(self)

    def _assign(self) -> None:
        wanted = self.scene.assignee
        conversation = self._player.open_conversation(self.contact_id)
        if wanted is not None and conversation is not None and conversation.first_assignee is None:
            assigner = Actor(self._hotel.users[self._hotel.assigner(wanted)])
            self._player.act(assigner, AssignContact(self.contact_id, self._hotel.users[wanted]))

    def _was_answered(self) -> bool:
        opening = self.scene.opening[-1].key
        places = [place for place, line in enumerate(self.lines) if _key(line) == opening]
        return any(line.kind is MessageKind.OUTGOING for line in self.lines[places[-1] :]) if places else False

    def _has_said(self, text: str) -> bool:
        return any(line.kind is MessageKind.INCOMING and clean(line.text) == clean(text) for line in self.lines)

    def _grow_impatient(self) -> None:
        impatient = self.scene.impatient
        is_open = self._player.open_conversation(self.contact_id) is not None
        if impatient and is_open and not (self.is_speaking or self._was_answered() or self._has_said(impatient.text)):
            self.say([Line(text=impatient.text, after=0)])

    def _closed(self) -> None:
        rng = self._player.rng
        if self.is_done:
            farewell = self.scene.farewell
            if farewell and not self._has_said(farewell):
                self._player.later(rng.uniform(5, 15), lambda: self.say([Line(text=farewell, after=0)]))
        else:
            self._player.later(rng.uniform(40, 90), self._come_back)

    def _come_back(self) -> None:
        """The conversation was closed before the guest was done: they write again, and so open a new one."""
        if (
            not self._has_begun
            or self.is_speaking
            or self.is_done
            or self._player.open_conversation(self.contact_id) is not None
        ):
            return
        index = self.scene.answer(self._used, "")
        if index is not None and index != len(self.scene.answers) - 1:
            self._used.add(index)
            self.say(self.scene.answers[index].says)


def _key(message: Message) -> tuple[str, ...]:
    """By what a message of a scene is known; the same as `Line.key`."""
    return clean(message.text), *(file.name for file in message.attachments)
