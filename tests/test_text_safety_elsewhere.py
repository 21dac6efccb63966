"""The same texts on the ways around the screen: notifications, clipboard, line mode, files, links, commands."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

import pytest

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import now_ms
from ismsg_tui.config import Config
from ismsg_tui.desktop.clipboard import Helper, Way, copy
from ismsg_tui.domain.entities import Contact
from ismsg_tui.domain.ids import content_id
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.views import View
from ismsg_tui.export import Format, document, every_line
from ismsg_tui.inbox import Inbox
from ismsg_tui.notifier import BURST, Notifier
from ismsg_tui.store.store import Store
from tests.desk_setup import CHANNEL, open_inbox, press, receive, settle
from tests.harmless import PLAIN_COLOURS, assert_harmless
from tests.hostile_desk import MARK, OWN, TEXTS, HostileDesk, some
from tests.on_screen import HARD_TEXTS, HARMFUL, assert_screen_is_safe, screen_text
from tests.terminal import Terminal, isolated, tokens

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "bare": {"TERM": "xterm-256color"},
    "known": {"TERM": "foot"},
    "tmux": {"TERM": "tmux-256color", "TMUX": "/tmp/tmux"},
    "screen": {"TERM": "screen", "STY": "1.pts"},
}
in_each_terminal = pytest.mark.parametrize("env", ENVIRONMENTS.values(), ids=ENVIRONMENTS)


class Written:
    """What a notifier writes to the terminal while customers of all these names write."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.inbox = open_inbox(folder, ())
        self.texts: list[str] = []
        self.start = now_ms()
        self.notifier = Notifier(self.inbox, self.texts.append, env, self.start)
        self.notifier.focused = False

    def hear_from(self, name: str, number: int) -> None:
        contact = Contact(id=content_id(0, "named", str(number)), first_name=name, channel_id=CHANNEL.id)
        self.inbox.store.adopt([contact])
        at = self.start + (number + 1) * 2 * BURST
        receive(self.inbox.store, contact.id, "hello?", at=at)
        self.notifier.changed(frozenset({contact.id}), at)


@in_each_terminal
def test_a_notification_is_a_bell_and_one_sequence_whoever_wrote(tmp_path: Path, env: dict[str, str]) -> None:
    written = Written(tmp_path, env)
    for number, text in enumerate(TEXTS.values()):
        written.hear_from(text, number)
    assert len(written.texts) == len(TEXTS)
    for sequence in written.texts:
        assert sequence.startswith("\a\x1b")
        assert sequence.count("\a") == 1
        if "TMUX" in env or "STY" in env:
            continue
        (told,) = [token.value for token in tokens(sequence[1:])]
        words = told.removeprefix("9;").removeprefix("777;notify;ismsg;")
        assert not HARMFUL.search(words)
        assert ";" not in words
        assert words.endswith("wrote")


class Refusing:
    """A clipboard whose helper program fails with hostile words."""

    async def __call__(self, helper: Helper, text: str, env: Mapping[str, str]) -> str:
        return "xclip failed"


@in_each_terminal
def test_what_is_copied_is_one_sequence_that_holds_the_cleaned_text(env: dict[str, str]) -> None:
    for name, text in TEXTS.items():
        written: list[str] = []
        copied = asyncio.run(copy(text, written.append, env, run=Refusing()))
        assert not HARMFUL.search(copied.words)
        if not clean(text) or copied.way is Way.NONE:
            assert written == [], name
            continue
        (sequence,) = written
        if "TMUX" in env:
            sequence = sequence.partition("\x1bP")[0]
        elif "STY" in env:
            sequence = "".join(part.removesuffix("\x1b\\") for part in sequence.split("\x1bP"))
        (token,) = tokens(sequence)
        assert token.kind == "osc"
        assert b64decode(token.value.removeprefix("52;c;")).decode() == clean(text)


def test_a_copied_conversation_holds_nothing_that_acts_on_a_terminal(tmp_path: Path) -> None:
    hostile = HostileDesk(tmp_path, list(TEXTS.values()), unclean=True)
    inbox = Inbox(Store(tmp_path), hostile.ana.id)
    for index in range(len(hostile.texts)):
        card = inbox.contacts.card(hostile.contact_id(index))
        assert card is not None
        lines = every_line(inbox, card.contact.id)
        text = clean("".join(document(Format.MARKDOWN, card, lines, inbox.users, inbox.channels)))
        assert f"{MARK}{index:03}" in text
        assert not HARMFUL.search(text.replace("\n", "").replace("\t", ""))
    inbox.close_store()


async def test_a_notice_of_any_text_is_one_line_of_plain_text(tmp_path: Path) -> None:
    app = IsmsgApp(open_inbox(tmp_path), Config())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        texts = [*HARD_TEXTS.values(), *OWN.values()]
        for start in range(0, len(texts), 6):
            for text in texts[start : start + 6]:
                app.notify(text, title=text)
            await pilot.pause()
            assert_screen_is_safe(app)
            app.clear_notifications()


@pytest.mark.parametrize("size", [(120, 40), (60, 20)])
async def test_files_and_links_of_any_name_are_shown_as_plain_text(tmp_path: Path, size: tuple[int, int]) -> None:
    names = ("clipboard", "title", "link", "eight bits", "directions", "halves", "markup", "broken markup", "links")
    hostile = HostileDesk(tmp_path, [OWN[name] for name in names], unclean=True)
    inbox = Inbox(Store(tmp_path), hostile.ana.id)
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        for index in range(len(names)):
            app.clear_notifications()
            app.desk.show_view(View.ALL, hostile.contact_id(index))
            await settle(pilot)
            await press(pilot, "e")
            assert "Files · " in screen_text(app)
            assert_screen_is_safe(app)
            await press(pilot, "enter", "escape", "L")
            assert_screen_is_safe(app)
            if app.screen is not app.desk:
                await press(pilot, "enter", "down", "enter", "down", "enter")
                assert_screen_is_safe(app)
                await pilot.press("escape")
    inbox.close_store()


def script(hostile: HostileDesk) -> str:
    """What an agent says to the line mode who looks at everything and answers."""
    lines = ["list all", *["more"] * (len(hostile.texts) // 10), "views", "search too", "search nothing such"]
    for index, text in enumerate(hostile.texts):
        said = " ".join(clean(text).split()) or "nothing"
        lines += [f"read {hostile.contact_id(index)}", "more"]
        if index % 7 == 0:
            lines += [f"comment {said}", f"reply {said}", f"assign {said}", f"search {said}", f"snippet {said}", said]
            lines += ["undo", "close", "unsent"]
    return "\n".join(lines) + "\n"


@needs_terminal
def test_nothing_that_the_line_mode_says_reaches_the_terminal_alive(tmp_path: Path) -> None:
    hostile = HostileDesk(tmp_path / "data", some(6), unclean=True)
    asked = tmp_path / "asked"
    asked.write_text(script(hostile), "utf-8", "replace")
    run = f'exec "{sys.executable}" -m ismsg_tui --data "$1" --user "$2" --plain < "$3"'
    command = ["/bin/sh", "-c", run, "sh", str(hostile.folder), hostile.users[0].id, str(asked)]
    with Terminal(command, isolated(tmp_path), (120, 40)) as terminal:
        terminal.wait()
        assert "fault of its own" not in terminal.output
        assert [token for token in tokens(terminal.output) if token.kind not in ("text", "control")] == []
        assert_harmless(terminal)
        for index in range(len(hostile.texts)):
            assert f"{MARK}{index:03}" in terminal.output
        # A name can't be mistaken for the beginning of a line of another kind.
        assert "Done: " in terminal.output


RUN_ALL = """
import json, sys
from ismsg_tui.cli import main
for arguments in json.load(open(sys.argv[1])):
    try:
        main(arguments, prog_name="ismsg")
    except SystemExit:
        pass
"""


@needs_terminal
def test_nothing_that_the_commands_print_of_files_and_searches_reaches_the_terminal_alive(tmp_path: Path) -> None:
    texts = some(3)
    hostile = HostileDesk(tmp_path / "data", texts, unclean=True)
    asked = [
        ["ls", "--view", "open", "--limit", "1000"],
        ["ls", "--view", "all", "--json"],
        *(["files", hostile.contact_id(index)] for index in range(len(texts))),
        *(["search", "--", text] for text in texts),
        *(["files", hostile.contact_id(index), "--to", str(tmp_path / "to")] for index in range(5)),
    ]
    common = ["--data", str(hostile.folder), "--user", hostile.users[0].id]
    listed = tmp_path / "asked.json"
    listed.write_text(json.dumps([[*common, *words] for words in asked]))
    with Terminal([sys.executable, "-c", RUN_ALL, str(listed)], isolated(tmp_path), (120, 40)) as terminal:
        assert terminal.wait() == 0
        assert "fault of its own" not in terminal.output
        assert_harmless(terminal, PLAIN_COLOURS)
