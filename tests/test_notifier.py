"""Telling an agent who looks elsewhere that somebody wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ismsg_tui.clock import now_ms
from ismsg_tui.inbox import Inbox
from ismsg_tui.notifier import BURST, Notifier, notification
from tests.desk_setup import contact_named, open_inbox, receive
from tests.factories import ANA, BEN


class Desk:
    """An inbox, a notifier on it, and what reaches the terminal."""

    def __init__(self, folder: Path) -> None:
        self.inbox: Inbox = open_inbox(folder)
        self.written: list[str] = []
        self.start = now_ms()
        self.notifier = Notifier(self.inbox, self.written.append, {"TERM": "xterm"}, self.start)
        self.notifier.focused = False

    def hears_from(self, name: str, after: int) -> None:
        contact_id = contact_named(self.inbox, name)
        receive(self.inbox.store, contact_id, "hello?", at=self.start + after)
        self.notifier.changed(frozenset({contact_id}), self.start + after)


def test_a_message_rings_and_names_who_wrote(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.hears_from("Mai Tran", BURST)
    assert desk.written == ["\a\x1b]9;Mai Tran wrote\x1b\\"]


def test_a_message_that_another_process_has_written_rings_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    receive(desk.inbox.store, contact_named(desk.inbox, "Mai Tran"), "hello?", at=desk.start + BURST)
    for again in range(3):
        desk.notifier.changed(None, desk.start + BURST * (again + 1))
    assert desk.written == ["\a\x1b]9;Mai Tran wrote\x1b\\"]


def test_a_burst_is_told_once_and_then_summed_up(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.hears_from("Mai Tran", BURST)
    desk.hears_from("Omar Haddad", BURST + 1)
    desk.hears_from("Lena Fischer", BURST + 2)
    assert len(desk.written) == 1
    desk.notifier.tell(desk.start + 3 * BURST)
    assert desk.written[1:] == ["\a\x1b]9;Omar Haddad and 1 more wrote\x1b\\"]


def test_nothing_rings_while_the_agent_looks_or_has_switched_it_off(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.notifier.focused = True
    desk.hears_from("Mai Tran", BURST)
    desk.notifier.focused = False
    desk.notifier.enabled = False
    desk.hears_from("Omar Haddad", BURST + 1)
    assert desk.written == []


def test_a_teammates_contact_does_not_ring_but_ones_own_does(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.inbox.assign(contact_named(desk.inbox, "Mai Tran"), BEN.id)
    desk.inbox.assign(contact_named(desk.inbox, "Omar Haddad"), ANA.id)
    desk.hears_from("Mai Tran", BURST)
    assert desk.written == []
    desk.hears_from("Omar Haddad", BURST + 1)
    assert len(desk.written) == 1


def test_what_came_while_the_agent_was_looking_is_not_told_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.notifier.focused = True
    desk.hears_from("Mai Tran", BURST)
    desk.notifier.looked(desk.start + 2 * BURST)
    desk.notifier.focused = False
    desk.notifier.changed(frozenset({contact_named(desk.inbox, "Mai Tran")}), desk.start + 3 * BURST)
    assert desk.written == []
    desk.hears_from("Mai Tran", 4 * BURST)
    assert len(desk.written) == 1


@pytest.mark.parametrize(
    ("env", "start"),
    [
        ({"TERM": "xterm-256color"}, "\x1b]9;"),
        ({"TERM_PROGRAM": "WezTerm"}, "\x1b]777;notify;"),
        ({"TERM": "foot"}, "\x1b]777;notify;"),
    ],
)
def test_each_terminal_gets_the_one_sequence_it_knows(env: dict[str, str], start: str) -> None:
    assert notification("Mai wrote", env).startswith(start)


def test_a_hostile_name_stays_text() -> None:
    sequence = notification("Mai\x1b]52;c;QUFB\x07\x9b31m; rm wrote", {"TERM": "xterm"})
    body = sequence.removeprefix("\x1b]9;").removesuffix("\x1b\\")
    assert body.isprintable()
    assert ";" not in body


def test_the_title_is_written_when_the_count_changes_and_only_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for count in (3, 3, 0):
        desk.notifier.title(count)
    assert desk.written == ["\x1b]2;(3) ismsg\x1b\\", "\x1b]2;ismsg\x1b\\"]
