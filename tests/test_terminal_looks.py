"""Terminals that show no colours, no signs beyond ASCII or no emoji: everything is still there and told apart."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import emoji
import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.pilot import Pilot

import ismsg_tui
from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import now_ms
from ismsg_tui.config import Config, ConfigError, load_config
from ismsg_tui.domain.commands import Issued, SetDelivery
from ismsg_tui.domain.entities import Delivery, MessageKind
from ismsg_tui.domain.ids import content_id
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.drafts import Draft
from ismsg_tui.widgets.emojis import in_words
from ismsg_tui.widgets.filters import Encodable, in_ascii, wants_ascii
from tests.desk_setup import (
    GUEST,
    add_snippets,
    contact_named,
    had_received,
    on_screen,
    open_inbox,
    press,
    receive,
    settle,
)
from tests.factories import ANA
from tests.terminal import Terminal, isolated, tokens

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

F1, F2, CTRL_K, CTRL_P, ESCAPE = "\x1bOP", "\x1bOQ", "\x0b", "\x10", "\x1b"


def busy_inbox(folder: Path) -> Inbox:
    """An inbox in plain ASCII in which everything happens that looks different: a comment, a draft, a failure."""
    inbox = open_inbox(folder, ("Mai Tran", "Omar Haddad", "Lena Fischer", "Noor Aziz"))
    add_snippets(inbox)
    mai, omar, lena = (contact_named(inbox, name) for name in ("Mai Tran", "Omar Haddad", "Lena Fischer"))
    inbox.comment(mai, "does anybody know her?\nshe was here before")
    inbox.drafts.save(mai, Draft("half a reply"))
    for contact_id in (omar, lena):
        inbox.reply(contact_id, "good morning")
        inbox.assign(contact_id, None)
        receive(inbox.store, contact_id, "and then?")
    inbox.reply(omar, "this does not arrive")
    inbox.assign(omar, None)
    line = [line.message for line in inbox.timeline(omar) if line.message.kind is MessageKind.OUTGOING][-1]
    failed = SetDelivery(omar, line.id, Delivery.FAILED, "no such number")
    inbox.store.execute(Issued(content_id(0, "failed"), failed, GUEST, now_ms()))
    return inbox


@contextmanager
def console(folder: Path, settings: str = "", **environment: str) -> Iterator[Terminal]:
    """The console on the busy inbox in a terminal with these settings and variables."""
    busy_inbox(folder / "data").close_store()
    (folder / "config.toml").write_text(settings)
    env = isolated(folder) | {"ISMSG_CONFIG": str(folder / "config.toml")} | environment
    command = [sys.executable, "-m", "ismsg_tui", "--data", str(folder / "data"), "--user", ANA.email]
    with Terminal(command, env, (120, 40)) as terminal:
        terminal.wait_for("Reply")
        yield terminal
        terminal.send("\x11")
        assert terminal.wait() == 0


DIALOGS = ((F1, "Answering"), (F2, "Type to filter"), ("a", "Enter Assign"), ("c", "Summary"), ("s", "Another time"))


def walk(terminal: Terminal) -> None:
    """Look at everything that the console can show."""
    terminal.send("2")
    terminal.wait_for_cursor("Omar Haddad")
    terminal.send("G")
    terminal.wait_for_cursor("Mai Tran")
    terminal.send("r")
    terminal.wait_for_cursor("half a reply")
    terminal.ask(" :smil", "smil")
    terminal.send(ESCAPE * 2)
    terminal.wait_for_cursor("Mai Tran")
    for keys, title in DIALOGS:
        terminal.send(keys)
        terminal.wait_for(title)
        terminal.send(ESCAPE)
        terminal.wait_for(lambda title=title: title not in terminal.text)  # type: ignore[misc]
    terminal.send("/")
    terminal.wait_for("Words, and filters")
    terminal.ask("hello", " found")
    terminal.send(ESCAPE)
    terminal.wait_for(lambda: " found" not in terminal.text)
    terminal.send("T")
    terminal.wait_for(" Theme ")
    terminal.send(ESCAPE)
    terminal.wait_for(lambda: " Theme " not in terminal.text)
    terminal.send("B")
    terminal.wait_for("Messages come in quietly")
    terminal.send(CTRL_P)
    terminal.wait_for("Enter Run")
    terminal.send(ESCAPE)
    terminal.wait_for(lambda: "Enter Run" not in terminal.text)


def colour_sequences(output: str) -> set[str]:
    """The parts of SGR sequences that set or unset a colour."""
    found = set()
    for token in tokens(output):
        if token.kind == "csi" and token.value.endswith("m") and token.value[0] not in "<=>?":
            found |= {part for part in re.split("[;:]", token.value[:-1]) if len(part) > 1 and part[0] in "3459"}
            found |= {part for part in re.split("[;:]", token.value[:-1]) if part.startswith("10") and len(part) == 3}
    return found


@needs_terminal
def test_no_colour_leaves_where_none_is_wanted(tmp_path: Path) -> None:
    with console(tmp_path, NO_COLOR="1") as terminal:
        walk(terminal)
    assert colour_sequences(terminal.output) == set()
    assert "\x1b[7m" in terminal.output


@needs_terminal
def test_an_empty_variable_asks_for_nothing(tmp_path: Path) -> None:
    with console(tmp_path, NO_COLOR="") as terminal:
        terminal.wait_for("Mai Tran")
    assert {"38", "48"} <= colour_sequences(terminal.output)


def segments(pilot: Pilot[int], words: str) -> list[Segment]:
    """The pieces of the screen that hold some words."""
    strips = pilot.app.screen._compositor.render_strips()
    return [segment for strip in strips for segment in strip if words in segment.text]


def is_set(pilot: Pilot[int], words: str, attribute: str) -> bool:
    """Whether the words have an attribute everywhere they stand; they must stand somewhere."""
    found = segments(pilot, words)
    assert found, words
    return all(segment.style is not None and getattr(segment.style, attribute) for segment in found)


async def test_without_colours_all_is_told_apart_by_attributes_and_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    inbox = busy_inbox(tmp_path)
    noor, mai = contact_named(inbox, "Noor Aziz"), contact_named(inbox, "Mai Tran")
    inbox.mark_read(mai, now_ms())
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.desk.show_view(app.desk.view, noor)
        await settle(pilot)
        # The row under the cursor is reversed while keys move it, and only then.
        assert is_set(pilot, "hello, this is Noor  ", "reverse")
        # Who has written is bold and counted, who is read is not.
        assert is_set(pilot, "Lena Fischer  ", "bold")
        assert not is_set(pilot, "Mai Tran  ", "bold")
        assert re.search(r"and then\? +1 ", on_screen(pilot))
        # What was not sent, and a draft, say so.
        assert "✗ not sent: this does not" in on_screen(pilot)
        assert is_set(pilot, "✎ draft: half a reply", "italic")
        await press(pilot, "r")
        assert not is_set(pilot, "hello, this is Noor  ", "reverse")
        assert "▎ Noor Aziz" in on_screen(pilot)
        await press(pilot, "x", "y", "shift+left")
        assert is_set(pilot, "y", "reverse") or "y" in [piece.text for piece in segments(pilot, "y")]
        # A comment is one on each of its lines, and while it is written.
        app.desk.show_view(app.desk.view, mai)
        await press(pilot, "escape")
        app.desk.show_contact(mai)
        await settle(pilot)
        text = on_screen(pilot)
        assert "║ does anybody know her?" in text
        assert "║ she was here before" in text
        await press(pilot, "m")
        assert "Comment · only the team sees this ═══" in on_screen(pilot)
        await press(pilot, "escape", "3", "1")
        assert is_set(pilot, "New 4", "underline")
        assert not any(piece.style and piece.style.underline for piece in segments(pilot, "Open"))


async def test_without_colours_selected_text_is_reversed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = IsmsgApp(busy_inbox(tmp_path), Config())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        timeline = app.desk.query_one("#timeline")
        await pilot.mouse_down(timeline, offset=(2, 5))
        await pilot.hover(timeline, offset=(9, 5))
        await pilot.mouse_up(timeline, offset=(9, 5))
        await pilot.pause()
        assert len(reversed_in(app, timeline.region.y + 5)) == 8
        await press(pilot, "r", "x", "y", "z", "shift+left", "shift+left")
        assert reversed_in(app, app.screen.query_one("ComposerArea").region.y) == "yz"


def reversed_in(app: IsmsgApp, y: int) -> str:
    """What is reversed in a line of the screen, but the row under the cursor of the list."""
    strip = app.screen._compositor.render_strips()[y].crop(app.desk.contacts.region.right)
    return "".join(piece.text for piece in strip if piece.style is not None and piece.style.reverse)


@needs_terminal
def test_in_ascii_nothing_beyond_it_comes_from_the_console_itself(tmp_path: Path) -> None:
    with console(tmp_path, 'borders = "ascii"\nemoji = "text"') as terminal:
        terminal.wait_for("| hello, this is")
        walk(terminal)
    words = [token.value for token in tokens(terminal.output) if token.kind in ("text", "osc")]
    assert {text for text in words if not text.isascii()} == set()


@needs_terminal
@pytest.mark.parametrize(("locale", "sign"), [("C", "| hello"), ("C.UTF-8", "▎ hello")])
def test_the_locale_decides_unless_the_settings_do(tmp_path: Path, locale: str, sign: str) -> None:
    with console(tmp_path, LC_ALL=locale) as terminal:
        terminal.wait_for(sign)


def test_the_settings_come_before_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getencoding", lambda: "ANSI_X3.4-1968")
    assert not wants_ascii("unicode")
    assert wants_ascii("ascii")
    if sys.platform != "win32":
        assert wants_ascii("auto")
    monkeypatch.setattr("locale.getencoding", lambda: "UTF-8")
    assert not wants_ascii("auto")


@pytest.mark.parametrize(("name", "value"), [("borders", "double"), ("emoji", "none")])
def test_a_setting_that_is_none_of_the_known_is_named_with_those_there_are(
    tmp_path: Path, name: str, value: str
) -> None:
    (tmp_path / "config.toml").write_text(f'{name} = "{value}"')
    with pytest.raises(ConfigError, match=f"{name} is “{value}”; it must be .* or "):
        load_config(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("colour = 1", "there is no setting “colour”"),
        ("undo_seconds = 'soon'", "undo_seconds must be a number"),
        ("notify = 'maybe'", "notify must be true or false"),
        ("theme = 3", "theme must be a text in quotes"),
        ("keys = 3", "keys must be a table of its own"),
        ("[keys]\nreply = ['r']", "everything in \\[keys\\] must be a text in quotes"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said_without_the_words_of_programs(
    tmp_path: Path, written: str, said: str
) -> None:
    (tmp_path / "config.toml").write_text(written)
    with pytest.raises(ConfigError, match=f"config.toml: {said}"):
        load_config(tmp_path / "config.toml")


def test_settings_that_are_no_text_say_from_where_on(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="it is not UTF-8 text, from byte 6 on"):
        load_config(tmp_path / "config.toml")


OTHERS = [
    f"domain/{name}.py"
    for name in (
        "words",
        "rules",
        "conversation_rules",
        "message_rules",
        "snippet_rules",
        "rights",
        "media",
        "snooze_times",
        "search_query",
        "targets",
    )
]
"""Where words of our own come from beside the screens."""


def own_words() -> Iterator[tuple[str, str]]:
    """Every text in the source of what is shown, with its file: not the comments and docstrings."""
    package = Path(ismsg_tui.__file__).parent
    paths = [path for folder in (".", "desktop", "screens", "widgets") for path in (package / folder).glob("*.py")]
    for path in (*paths, *(package / name for name in OTHERS)):
        if path.name in ("docs.py", "emojis.py", "filters.py", "graphics.py"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        # An expression that stands alone explains something.
        unseen = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in unseen:
                yield path.name, node.value


def test_every_sign_of_our_own_has_its_letters() -> None:
    left = {(name, character) for name, text in own_words() for character in in_ascii(text) if not character.isascii()}
    assert left == set()


def test_a_sign_in_ascii_is_as_wide_as_before() -> None:
    for _, text in [*own_words(), ("", "🔎▀▌█╳░")]:
        assert cell_len(in_ascii(text)) == cell_len(text), text


def test_what_the_terminals_encoding_does_not_have_is_as_many_question_marks_as_it_is_wide() -> None:
    latin = Encodable("iso-8859-1")
    assert latin._encodable("née 家 x") == "née ?? x"
    for text in ("👨‍👩‍👧 a", "e\u0301\u0323 b", "家家", "❤️ c", "ok"):
        assert cell_len(latin._encodable(text)) == cell_len(text)
        latin._encodable(text).encode("iso-8859-1")


# Emoji as words

FACES = "👍🏽 ❤️ 👨‍👩‍👧 🇩🇪 1️⃣ 😬"


def test_emoji_become_their_names() -> None:
    assert in_words("ok 👍 and ❤️") == "ok :thumbs_up: and :red_heart:"
    assert in_words("❤ ☎️") == ":red_heart: :telephone:"
    assert in_words("© 2026 ™ → 5 # *") == "© 2026 ™ → 5 # *"
    assert emoji.emoji_list(in_words(FACES)) == []


async def test_emoji_in_messages_and_names_are_shown_as_words_everywhere(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, (f"Mai {FACES}", "Omar 🦆"))
    mai = inbox.contacts.resolve(f"Mai {FACES}")[0].id
    had_received(inbox.store, mai, f"many greetings {FACES} from all of us " * 4)
    inbox.comment(mai, f"nice {FACES}")
    inbox.assign(mai, None)
    app = IsmsgApp(inbox, Config(emoji="text"))
    try:
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            await settle(pilot)
            app.desk.show_view(app.desk.view, mai)
            await settle(pilot)
            assert ":thumbs_up_medium_skin_tone:" in on_screen(pilot)
            app.notify(f"Heard {FACES}", title=FACES)
            for keys in (("p",), ("c",), ("ctrl+k",), ("slash", *"greet"), ("f3",), ("m", "colon", *"smi")):
                await press(pilot, *keys)
                found = emoji.emoji_list(on_screen(pilot))
                assert not found, keys
                for strip in app.screen._compositor.render_strips():
                    assert strip.cell_length == sum(cell_len(piece.text) for piece in strip)
                await press(pilot, "escape")
    finally:
        IsmsgApp(inbox, Config())  # emoji are pictures again
