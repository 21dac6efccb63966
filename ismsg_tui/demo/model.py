"""The demo as it sits for its picture: always the same moment of the same day."""

from __future__ import annotations

import random
import sys
from functools import partial
from pathlib import Path

from ismsg_tui.demo.content import load_scenes, load_workspace
from ismsg_tui.demo.hotel import Hotel, demo_id
from ismsg_tui.demo.memory_stage import MemoryStage
from ismsg_tui.demo.player import StageClock
from ismsg_tui.demo.run import stage_hotel
from ismsg_tui.domain.commands import Actor, Command, MarkRead, SendMessage
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.store.store import Store

MODEL_TIME = 1_793_974_320_000
"""An afternoon in November 2026, in milliseconds: the moment of the picture."""

AT_WORK = 200
"""Seconds for which the demo has been running by then."""

SHOWN = "harriet-bell"

_REPLIES = (
    (3, "tyler-brooks", "Oh no! Please unplug the small white box by the desk and count to ten."),
    (25, SHOWN, "Happy birthday to Rufus! Our kitchen loves dinosaurs. Which flavour should it be?"),
    (85, SHOWN, "Green can be arranged. Is there anything that one of you must not eat?"),
    (110, "mai-tran", "Hello Mai! Your room is ready, come whenever you like."),
)
"""What the agent in the picture has answered: seconds since the start, scene, text."""

_COMMENT = (70, SHOWN, "@gwen is green a flavour? Asking for a five-year-old.")
_DRAFT = "No nuts, I promise: the kitchen bakes it apart. And which"


def pose(folder: Path) -> tuple[Inbox, str]:
    """The inbox of the picture, in a new folder, and the contact whose conversation it shows."""
    clock = StageClock(MODEL_TIME - AT_WORK * 1000)
    stage = MemoryStage(clock)
    hotel = Hotel(load_workspace())
    player = stage_hotel(stage, hotel, load_scenes(), clock=clock, rng=random.Random(1))
    shown = demo_id("contact", SHOWN)
    acts: list[tuple[float, Command]] = [
        (seconds, SendMessage(demo_id("contact", scene), text)) for seconds, scene, text in _REPLIES
    ]
    acts.append((_COMMENT[0], hotel.comment(demo_id("contact", _COMMENT[1]), _COMMENT[2])))
    acts.append((AT_WORK, MarkRead(shown, MODEL_TIME)))
    for seconds, command in acts:
        player.later(seconds, partial(player.act, Actor(hotel.me), command))
    player.play_until(MODEL_TIME)
    store = Store(folder)
    store.apply(stage.changes(0, sys.maxsize))
    inbox = Inbox(store, hotel.me)
    inbox.drafts.save(shown, Draft(_DRAFT))
    return inbox, shown
