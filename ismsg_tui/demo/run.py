"""The demo: sets a workspace up, fills it with life, opens the console on it, and puts everything away."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import click

from ismsg_tui.config import Config
from ismsg_tui.demo.content import DemoError, load_scenes, load_workspace
from ismsg_tui.demo.enclosures import content_of
from ismsg_tui.demo.guest import GuestPart
from ismsg_tui.demo.hotel import Hotel, record_history
from ismsg_tui.demo.memory_stage import MemoryStage
from ismsg_tui.demo.player import Part, Player, StageClock
from ismsg_tui.demo.replay import ME_ID, Recording, read_recording
from ismsg_tui.demo.scene import Scene
from ismsg_tui.demo.stage import ServerStage
from ismsg_tui.demo.team import Teammates
from ismsg_tui.domain.text import one_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.own_server import FOLDER, OwnServer
from ismsg_tui.store.connection import Error, lock_file
from ismsg_tui.store.store import Store
from ismsg_tui.sync.authority import Authority, UnreachableError
from ismsg_tui.sync.engine import Sync

SHOWN_PROBLEMS = 5
"""How many lines of a recording that can't be played are named one by one."""

LONGEST = 1_000
"""The longest line that is printed, in characters."""

THROWAWAY = "ismsg-demo-"
"""What the names of the folders of demos that nobody keeps begin with."""
LOCK = "demo.lock"
"""In such a folder; the demo holds it until its process ends."""

OpenConsole = Callable[[Inbox, Config, Authority], int]


def run_demo(
    keep: Path | None, replay: Path | None, speed: float, config: Config, open_console: OpenConsole, me: str = ""
) -> int:
    """Open the console on the demo, or on a recording, `speed` times as fast as life; returns its exit code.

    `me` is what whoever tries it is called, if not “You”. The workspace lies in `keep`, to be gone on with another day,
    or in a folder that is removed at the end. Raises DemoError if the recording can't be read, or the folder holds
    something else or is in use.
    """
    recording = read_recording(replay) if replay else None
    with _folder(keep) as folder, ExitStack() as stack:
        store = Store(folder)
        stack.callback(store.close)
        workspace_id = recording.workspace_id if recording else Hotel(load_workspace()).workspace_id
        _check_free(store, workspace_id)
        try:
            server = OwnServer(folder / FOLDER, workspace_id)
        except UnreachableError as error:
            raise DemoError(f"A demo is open in {folder}: close it first, or keep this one elsewhere.") from error
        stack.callback(server.close)
        player = _begin(server, recording, me, StageClock(), stack)
        player.set_speed(speed)
        code = _open(store, server, player, config, open_console)
    if recording:
        _report(recording)
    if keep:
        click.echo(one_line(f"This workspace is kept in {keep}: ismsg demo --keep {keep} goes on with it.", LONGEST))
    return code


def _check_free(store: Store, workspace_id: str) -> None:
    """Raises DemoError where the store is another's."""
    workspace = store.settings.workspace
    if workspace.id not in ("", workspace_id):
        raise DemoError(f"{store.path.parent} holds the workspace “{workspace.name}”: choose another folder to keep.")


def _begin(server: OwnServer, recording: Recording | None, me: str, clock: StageClock, stack: ExitStack) -> Player:
    """The player on a server, which holds what happened before: made up now, or kept from an earlier day."""
    hotel, scenes = Hotel(load_workspace(), me), load_scenes()
    fresh = server.is_new
    if fresh:
        past = MemoryStage(clock)
        if recording:
            player = stage_recording(past, recording, me, clock=clock)
        else:
            player = stage_hotel(past, hotel, scenes, clock=clock)
        rows = [row for _, row in past.rows()]
        server.begin(rows)
        for file in () if recording else (file for scene in scenes for file in scene.files):
            server.keep_file(content_of(file.name))
        server.take_in(rows)
    stage = ServerStage(server, ME_ID)
    stack.callback(stage.close)
    rows = [row for _, row in stage.rows()]
    stage.connect(rows)
    if fresh:
        player.move_to(stage, stage.head)
    else:
        player = Player(stage, clock=clock)
        player.join(_parts(player, recording, hotel, scenes, {row.id for row in rows}))
    return player


def _parts(
    player: Player, recording: Recording | None, hotel: Hotel, scenes: list[Scene], known: set[str]
) -> list[Part]:
    if recording:
        return recording.parts(player, known)
    team = Teammates(player, hotel)
    return [GuestPart(player, hotel, team, scene) for scene in scenes]


def stage_hotel(
    past: MemoryStage,
    hotel: Hotel,
    scenes: list[Scene],
    *,
    clock: StageClock,
    rng: random.Random | None = None,
) -> Player:
    """The player of the hotel, ready to begin now, on a stage on which all has been played that happened before."""
    rng = rng or random.Random()
    start = clock()
    past.seed(hotel.rows())
    player = Player(past, clock=clock, rng=rng, start_at=start)
    for scene in scenes:
        record_history(past, hotel, scene, start, rng)
    clock.set_to = start + round(min([0.0, *(scene.arrives for scene in scenes)]) * 1000)
    player.join(_parts(player, None, hotel, scenes, set()))
    player.play_until(start)
    return player


def stage_recording(
    past: MemoryStage,
    recording: Recording,
    me: str = "",
    *,
    clock: StageClock,
    rng: random.Random | None = None,
) -> Player:
    """The player of a recording, ready to begin now or to go on."""
    past.seed(recording.rows(me))
    known = {row.id for _, row in past.rows()}
    player = Player(past, clock=clock, rng=rng)
    player.join(recording.parts(player, known))
    return player


def _open(store: Store, server: OwnServer, player: Player, config: Config, open_console: OpenConsole) -> int:
    with closing(server.sign_in(ME_ID, store.path.parent)) as authority:
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
        yield keep
        return
    _clear_away()
    while True:
        with tempfile.TemporaryDirectory(prefix=THROWAWAY, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            with lock_file(folder / LOCK) as alone:
                # Another demo that clears away may have taken the folder before it was locked.
                if alone and (folder / LOCK).exists():
                    yield folder
                    return


def _clear_away() -> None:
    """Remove the folders of this user's demos that were killed; what is alive, a link or another's stays."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            with suppress(OSError, Error):  # another may clear away at the same time
                if entry.name.startswith(THROWAWAY) and entry.is_dir(follow_symlinks=False) and _is_ours(entry):
                    _remove_dead(Path(entry.path))


def _is_ours(entry: os.DirEntry[str]) -> bool:
    return not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid()


def _remove_dead(folder: Path) -> None:
    lock = folder / LOCK
    if lock.is_file() and not lock.is_symlink():
        with lock_file(lock) as dead:
            if dead:
                shutil.rmtree(folder, ignore_errors=True)


def _report(recording: Recording) -> None:
    """Name the lines that could not be played."""
    for problem in recording.problems[:SHOWN_PROBLEMS]:
        click.echo(one_line(f"{problem.path}:{problem.line}: {problem.reason}", LONGEST), err=True)
    more = len(recording.problems) - SHOWN_PROBLEMS
    if more > 0:
        click.echo(one_line(f"{more:,} more lines of {recording.path} could not be played.", LONGEST), err=True)
