"""Which contacts each view shows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace

from ismsg_tui.domain.commands import AssignContact, SnoozeConversation, WakeConversation
from ismsg_tui.domain.entities import Conversation, ConversationStatus, Source, User
from ismsg_tui.domain.views import SORTS, ContactStatus, View, contact_status
from ismsg_tui.store.lists import view_count
from ismsg_tui.store.store import Store
from tests.factories import ANA, BEN, BY_ANA, BY_BEN, HOUR, MAI, T0, TIMER, Story, uid


def views(story: Story, user: User = ANA) -> set[View]:
    """The views of a store that show the contact."""
    with TemporaryDirectory() as folder, closing(Store(Path(folder))) as store:
        store.adopt(list(story.rows.values()))
        return {view for view in View if view_count(store.reader, view, user.id)}


def test_a_new_contact_is_in_no_view_until_something_happened() -> None:
    assert views(Story()) == set()


def test_an_open_unassigned_contact_is_new_and_open() -> None:
    story = Story()
    story.hear()
    assert views(story) == {View.NEW, View.OPEN, View.ALL}


def test_a_reply_moves_a_contact_from_new_to_the_repliers_assigned() -> None:
    story = Story()
    story.hear()
    story.reply("hi", BY_BEN)
    assert views(story, BEN) == {View.OPEN, View.ASSIGNED, View.ALL}
    assert views(story, ANA) == {View.OPEN, View.ALL}


def test_unassigning_puts_a_contact_back_into_new() -> None:
    story = Story()
    story.hear()
    story.reply()
    story.do(AssignContact(MAI.id, None, expected_id=ANA.id))
    assert View.NEW in views(story)


def test_a_snoozed_contact_leaves_new_and_open_and_returns_when_woken() -> None:
    story = Story()
    story.hear()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), BY_ANA, after=1)
    assert views(story) == {View.SNOOZED, View.ALL}
    story.do(WakeConversation(MAI.id), TIMER, after=HOUR)
    assert views(story) == {View.NEW, View.OPEN, View.ALL}


def test_a_snoozed_contact_stays_with_its_assignee() -> None:
    story = Story()
    story.hear()
    story.reply()
    story.do(SnoozeConversation(MAI.id, T0 + HOUR), after=1)
    assert views(story) == {View.ASSIGNED, View.SNOOZED, View.ALL}


def test_a_closed_contact_that_writes_again_comes_back_to_its_assignee_and_is_not_new() -> None:
    story = Story()
    story.hear()
    story.reply()
    story.close()
    assert views(story) == {View.CLOSED, View.ALL}
    story.hear("me again", after=HOUR)
    assert views(story) == {View.OPEN, View.ASSIGNED, View.ALL}


def test_a_blocked_contact_is_seen_in_all_only() -> None:
    story = Story(replace(MAI, blocked=True))
    story.hear()
    assert views(story) == {View.ALL}


@pytest.mark.parametrize(
    ("status", "snoozed_until", "expected"),
    [
        (ConversationStatus.OPEN, None, ContactStatus.OPEN),
        (ConversationStatus.OPEN, T0, ContactStatus.SNOOZED),
        (ConversationStatus.CLOSED, None, ContactStatus.CLOSED),
    ],
)
def test_a_contact_stands_where_its_newest_conversation_does(
    status: ConversationStatus, snoozed_until: int | None, expected: ContactStatus
) -> None:
    newest = Conversation(
        id=uid(),
        contact_id=MAI.id,
        status=status,
        snoozed_until=snoozed_until,
        opened_at=T0,
        opened_source=Source.CONTACT,
    )
    assert contact_status(newest) is expected


def test_every_view_has_a_default_order_and_no_order_twice() -> None:
    assert set(SORTS) == set(View)
    for orders in SORTS.values():
        assert len(orders) == len(set(orders)) > 0
