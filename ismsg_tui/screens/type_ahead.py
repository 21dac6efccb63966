"""Keys that come faster than they are worked off: each goes where the keys before it have led."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from textual.app import App
from textual.events import Event, InputEvent, Key, MouseMove, Paste
from textual.message_pump import MessagePump
from textual.widgets import Input, TextArea

REST = 0.03
"""Seconds after which a key with nothing left to do counts as worked off. A held key repeats more slowly."""
PATIENCE = 0.5
"""Seconds after which the next key goes on although the one before it is still being worked off."""


@dataclass(frozen=True)
class _Pressed:
    """A key that was handed on: when, and to which widgets one after the other, from that with the focus to the app."""

    path: tuple[MessagePump, ...] = ()
    only_writes: bool = False
    """Whether it is a letter in a text, which leads nowhere else."""
    at: float = field(default_factory=time.monotonic)

    @property
    def at_rest(self) -> bool:
        """Whether nothing that follows has to wait for it."""
        if self.only_writes:
            return True
        # Of the app's own queue nothing can be said: the keys that follow are in it.
        return time.monotonic() - self.at > REST and not any(node.message_queue_size for node in self.path[:-1])


class TypeAhead(App[int]):
    """An application in which a burst of keys, as a slow line delivers it, does what slow typing would have done.

    Textual hands a key to what has the focus at that moment, even while the key before it still waits there to open a
    dialog: the letters meant for the dialog would act on what lies behind it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pressed = _Pressed(at=0)
        self._held: deque[Event] = deque()
        """What was pressed and pasted since; the first of it goes on as soon as what was pressed is worked off."""
        self._going_on: Event | None = None
        self._releasing: asyncio.Task[None] | None = None

    async def on_event(self, event: Event) -> None:
        """Hold back what is pressed and pasted until the key before it has been worked off."""
        first_hand = isinstance(event, InputEvent | Paste) and not event.is_forwarded
        if not first_hand or isinstance(event, MouseMove):
            await super().on_event(event)
            return
        if event is self._going_on:
            self._going_on = None
        elif self._held or self._going_on is not None or not self._pressed.at_rest:
            self._held.append(event)
            self._release_next()
            return
        if not self.screen_stack:  # closing
            return
        if isinstance(event, Key | Paste):
            target = self.focused or self.screen
            letter = isinstance(event, Key) and (event.character or "").replace(" ", "a").isalnum()
            self._pressed = _Pressed(tuple(target.ancestors_with_self), letter and isinstance(target, Input | TextArea))
        await super().on_event(event)
        self._release_next()

    def _release_next(self) -> None:
        if self._held and self._going_on is None and (self._releasing is None or self._releasing.done()):
            self._releasing = asyncio.create_task(self._release(self._pressed))

    async def _release(self, pressed: _Pressed) -> None:
        """Let the next key go on once the one before it is taken, and what that has opened takes keys itself."""
        if not pressed.only_writes:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    # A key goes up the path before it does anything; what it makes a widget say goes up behind it.
                    for node in pressed.path * 2:
                        await _turn_of(node)
                    if self.screen_stack and self.screen not in pressed.path:
                        await _turn_of(self.screen)
        self._going_on = self._held.popleft()
        self.post_message(self._going_on)


async def _turn_of(node: MessagePump) -> None:
    """Wait until a widget has taken everything that it has been told so far."""
    taken = asyncio.Event()
    if node.call_later(taken.set):
        await taken.wait()
