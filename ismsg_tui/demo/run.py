"""The demo: sets a workspace up, fills it with life, opens the console on it, and puts everything away."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ismsg_tui.config import Config
from ismsg_tui.demo.authority import MemoryAuthority
from ismsg_tui.demo.enclosures import lay
from ismsg_tui.demo.guest import GuestPart
from ismsg_tui.demo.hotel import Hotel, record_history
from ismsg_tui.demo.player import Player, StageClock
from ismsg_tui.demo.replay import ME_ID, Recording, read_recording
from ismsg_tui.demo.scene import DemoError, Scene, load_scenes, load_workspace
from ismsg_tui.demo.shelf import Shelf
from ismsg_tui.demo.team import Teammates
from ismsg_tui.domain.text import one_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.connection import lock_file
from ismsg_tui.store.export import send_again, truth
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import Authority
from ismsg_tui.sync.engine import Sync

LOCK_FILE = "demo.lock"

FILES = "demo-files"
"""The folder in which the demo's authority keeps the files of messages."""

SHOWN_PROBLEMS = 5
"""How many lines of a recording that can't be played are named one by one."""

LONGEST = 1_000
"""The longest line that is printed, in characters."""

OpenConsole = Callable[[Inbox, Config, Authority], int]


def run_demo(keep: Path | None, replay: Path | None, speed: float, config: Config, open_console: OpenConsole) -> int:
    """Open the console on the demo, or on a recording, `speed` times as fast as life; returns its exit code.

    The workspace lies in `keep`, to be gone on with another day, or in a folder that is removed at the end. Raises
    DemoError if the recording can't be read, or the folder holds something else or is in use.
    """
    recording = read_recording(replay) if replay else None
    hotel = Hotel(load_workspace())
    with _folder(keep) as folder:
        store = Store(folder)
        try:
            clock = StageClock()
            authority = authority_of(store, recording.workspace_id if recording else hotel.workspace_id, clock)
            if recording:
                player = stage_recording(authority, recording, clock=clock)
            else:
                player = stage_hotel(authority, hotel, load_scenes(), clock=clock)
            player.set_speed(speed)
            code = _open(store, authority, player, config, open_console)
        finally:
            store.close()
    if recording:
        _report(recording)
    if keep:
        click.echo(one_line(f"This workspace is kept in {keep}: ismsg demo --keep {keep} goes on with it.", LONGEST))
    return code


def authority_of(store: Store, workspace_id: str, clock: StageClock) -> MemoryAuthority:
    """An authority that goes on where the one before it left this store. Raises DemoError if it is another's store."""
    workspace = store.settings.workspace
    if workspace.id not in ("", workspace_id):
        raise DemoError(f"{store.path.parent} holds the workspace “{workspace.name}”: choose another folder to keep.")
    authority = MemoryAuthority(clock, Shelf(store.path.parent / FILES))
    send_again(store)
    authority.restore(truth(store), store.cursor)
    return authority


def stage_hotel(
    authority: MemoryAuthority,
    hotel: Hotel,
    scenes: list[Scene],
    *,
    clock: StageClock,
    rng: random.Random | None = None,
) -> Player:
    """The player of the hotel, ready to begin now; in a new workspace with everything that happened before."""
    rng = rng or random.Random()
    start = clock()
    is_new = not authority.rows()
    authority.seed(hotel.rows())
    for file in (file for scene in scenes for file in scene.files):
        lay(authority.shelf, file)
    player = Player(authority, clock=clock, rng=rng, start_at=start)
    team = Teammates(player, hotel)
    parts = [GuestPart(player, hotel, team, scene) for scene in scenes]
    if not is_new:
        player.join(parts)
        return player
    for scene in scenes:
        record_history(authority, hotel, scene, start, rng)
    clock.set_to = start + round(min([0.0, *(scene.arrives for scene in scenes)]) * 1000)
    player.join(parts)
    player.play_until(start)
    return player


def stage_recording(
    authority: MemoryAuthority,
    recording: Recording,
    *,
    clock: StageClock,
    rng: random.Random | None = None,
) -> Player:
    """The player of a recording, ready to begin now or to go on."""
    authority.seed(recording.rows())
    known = {row.id for _, row in authority.rows()}
    player = Player(authority, clock=clock, rng=rng)
    player.join(recording.parts(player, known))
    return player


def _open(store: Store, authority: MemoryAuthority, player: Player, config: Config, open_console: OpenConsole) -> int:
    sync = Sync(store, authority)
    sync.exchange()
    player.start()
    try:
        return open_console(Inbox(store, ME_ID, hold=round(config.undo_seconds * 1000)), config, authority)
    finally:
        player.stop()
        sync.exchange()


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(keep):
            yield keep
        return
    with tempfile.TemporaryDirectory(prefix="ismsg-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second demo out of the folder: each has the truth in its own memory. A lock that a crash releases."""
    with lock_file(folder / LOCK_FILE) as alone:
        if not alone:
            raise DemoError(f"A demo is open in {folder}: close it first, or keep this one elsewhere.")
        yield


def _report(recording: Recording) -> None:
    """Name the lines that could not be played."""
    for problem in recording.problems[:SHOWN_PROBLEMS]:
        click.echo(one_line(f"{problem.path}:{problem.line}: {problem.reason}", LONGEST), err=True)
    more = len(recording.problems) - SHOWN_PROBLEMS
    if more > 0:
        click.echo(one_line(f"{more:,} more lines of {recording.path} could not be played.", LONGEST), err=True)
