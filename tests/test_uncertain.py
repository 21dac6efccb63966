"""A message of which nobody knows whether it arrived: every place that shows it says so, and why."""

from __future__ import annotations

from pathlib import Path

from ismsg_tui.domain.entities import Delivery
from ismsg_tui.plain.lines import line_words
from ismsg_tui.widgets.contact_list import ContactList
from ismsg_tui.widgets.timeline import Timeline
from tests.desk_setup import console, contact_named, open_inbox, shown_by
from tests.unsent import failed


async def test_the_desk_tells_doubt_from_failure_and_says_why(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    failed(inbox, "are you there?", status=Delivery.UNCERTAIN)
    async with console(inbox) as pilot:
        assert any("? perhaps not sent: are you there?" in line for line in shown_by(pilot, ContactList))
        whole = "? not known whether it was sent: the number is not known"
        assert any(whole in line for line in shown_by(pilot, Timeline))


def test_the_line_mode_says_it_in_words(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    failed(inbox, "are you there?", status=Delivery.UNCERTAIN)
    line = inbox.timeline(contact_named(inbox, "Mai Tran"))[-1]
    ((role, text),) = line_words(line, {}, "Mai Tran", inbox.user_id)
    assert role.endswith("not known whether it was sent, the number is not known")
    assert text == "are you there?"
