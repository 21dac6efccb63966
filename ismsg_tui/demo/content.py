"""The demo's content, which stands beside this module in `workspace.toml` and `scenes/*.toml`: read and checked."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from ismsg_tui.demo.scene import ME, DemoWorkspace, Scene, lines_of
from ismsg_tui.domain.packing import convert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

CONTENT: Traversable = files("ismsg_tui.demo")
"""The folder that holds `workspace.toml`, `scenes/` and `files/`."""


class DemoError(Exception):
    """The demo's content is wrong; the message names the file and what in it."""


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
    for line in lines_of(scene):
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


def _messages(scene: Scene) -> Iterator[str]:
    """Yield every text that goes through the guest's channel."""
    yield from (line.text for line in lines_of(scene))
    yield from (turn.text for past in scene.history for turn in past.turns if turn.who != "comment")
    if scene.farewell:
        yield scene.farewell


def _twice(what: str, names: Iterable[str]) -> Iterator[str]:
    yield from (f"{what} '{name}' is there twice" for name, count in Counter(names).items() if count > 1)
