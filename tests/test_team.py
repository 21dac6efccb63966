"""Several agents at their consoles and one server, over real HTTP."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ismsg_tui.clock import now_ms
from ismsg_tui.domain.commands import AddComment, AssignContact, CloseConversation, OpenConversation, SendMessage
from ismsg_tui.domain.entities import Role, Visibility
from ismsg_tui.domain.ids import Part, derived_id
from ismsg_tui.domain.views import View
from ismsg_tui.domain.wire import Availability, PresenceNote
from ismsg_tui.store import outbox
from ismsg_tui.store.outbox import OutboxState
from ismsg_tui.sync.authority import AnewError, SignedOutError, UnreachableError
from ismsg_tui.sync.status import SyncState
from tests.factories import ANA, BEN, HOUR, MAI, WORKSPACE
from tests.on_a_bad_line import team
from tests.replicas import assert_sound
from tests.team import OMAR, Console, Team, back_up, in_step

__all__ = ["team"]


def assignee(console: Console) -> str | None:
    card = console.inbox.contacts.card(MAI.id)
    assert card is not None
    return card.contact.assignee_id


# Working together


def test_what_one_agent_sends_another_sees_and_both_hold_the_same(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    team.hear("hello")
    in_step(ana, ben)
    ana.act(SendMessage(MAI.id, "at your service"))
    ben.act(AddComment(MAI.id, "a regular"))
    in_step(ana, ben)
    assert sorted(ana.texts()) == ["a regular", "at your service", "hello"]


def test_of_two_who_claim_a_contact_one_has_it_and_the_other_is_told_who_was_quicker(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    in_step(ana, ben)
    ana.act(AssignContact(MAI.id, ANA.id))
    ben.act(AssignContact(MAI.id, BEN.id))
    ben.sync.exchange()
    ana.sync.exchange()
    assert (assignee(ana), assignee(ben)) == (BEN.id, BEN.id)
    assert [told.issued.command for told in ana.refused] == [AssignContact(MAI.id, ANA.id)]
    assert "Ben Okoye" in ana.refused[0].refusal.reason
    assert ben.refused == []


def test_of_two_who_open_a_conversation_there_is_one(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    in_step(ana, ben)
    for console in (ana, ben):
        console.act(OpenConversation(MAI.id))
    in_step(ana, ben)
    card = ana.inbox.contacts.card(MAI.id)
    assert card is not None
    assert len(card.conversations) == 1
    assert len(ana.refused) + len(ben.refused) == 1


def test_a_message_arrives_live_on_every_console_without_being_asked_for(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    for console in (ana, ben):
        console.sync.start()
        console.wait_for(SyncState.SYNCED)
    team.hear("hello")
    for console in (ana, ben):
        console.wait(lambda console=console: console.texts() == ["hello"])  # type: ignore[misc]
    ana.act(SendMessage(MAI.id, "good morning"))
    ben.wait(lambda: ben.texts() == ["hello", "good morning"])


def test_teammates_see_who_is_there_and_what_they_look_at(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    for console in (ana, ben):
        console.sync.start()
        console.wait_for(SyncState.SYNCED)
    ana.sync.announce(PresenceNote(Availability.ONLINE, MAI.id, typing=True))
    ben.wait(lambda: any(found.viewing == MAI.id and found.typing for found in ben.presence))
    assert ben.sync.presence == ben.presence
    team.stop()
    ben.wait(lambda: ben.presence == ())
    team.start()


# Away and back


def test_work_done_while_the_server_is_away_leaves_in_order_when_it_is_back(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    in_step(ana, ben)
    team.stop()
    for text in ("one", "two", "three"):
        ana.act(SendMessage(MAI.id, text))
    ana.act(CloseConversation(MAI.id, summary="done"))
    with pytest.raises(UnreachableError):
        ana.sync.exchange()
    assert ana.texts() == ["one", "two", "three"]
    team.start()
    in_step(ana, ben)
    assert ben.texts() == ["one", "two", "three"]
    assert ben.inbox.contacts.view(View.CLOSED).count() == 1


def test_what_surely_has_not_left_can_still_be_taken_back_after_a_failed_attempt(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.exchange()
    team.stop()
    oops = ana.act(SendMessage(MAI.id, "oops"))
    with pytest.raises(UnreachableError):
        ana.sync.exchange()
    assert ana.store.withdraw(oops, now_ms()) is not None
    team.start()
    ana.sync.exchange()
    assert ana.texts() == []


def test_a_running_console_goes_offline_and_comes_back_with_everything(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.start()
    ana.wait_for(SyncState.SYNCED)
    team.stop()
    assert ana.wait_for(SyncState.OFFLINE).reason
    ana.act(SendMessage(MAI.id, "patience"))
    team.start()
    team.hear("are you there?", OMAR)
    ana.wait(lambda: ana.texts(OMAR) == ["are you there?"] and ana.counts.unsent == 0)
    ana.wait_for(SyncState.SYNCED)


def test_a_message_that_could_not_leave_for_long_asks_before_it_does(team: Team) -> None:
    ana = team.console("ana", ask_after=HOUR)
    ana.sync.exchange()
    old = ana.act(SendMessage(MAI.id, "good evening"), at=now_ms() - 2 * HOUR)
    ana.act(CloseConversation(MAI.id, summary="said good evening"))
    ana.act(AddComment(OMAR.id, "of another contact"))
    ana.sync.exchange()
    assert (ana.counts.asking, ana.counts.unsent) == (1, 2)
    ana.store.confirm(old, now_ms())
    ana.sync.exchange()
    assert (ana.counts.asking, ana.counts.unsent) == (0, 0)
    assert ana.texts() == ["good evening"]


def test_a_message_asked_about_can_be_taken_back_instead(team: Team) -> None:
    ana = team.console("ana", ask_after=HOUR)
    ana.sync.exchange()
    old = ana.act(SendMessage(MAI.id, "good evening"), at=now_ms() + 2 * HOUR)  # the clock was set back since
    ana.sync.exchange()
    assert ana.counts.asking == 1
    assert ana.store.withdraw(old, now_ms()) is not None
    ana.sync.exchange()
    assert (ana.texts(), ana.inbox.drafts.read(MAI.id).text) == ([], "good evening")


# A restored server


def test_after_a_restored_backup_every_console_sends_again_what_the_backup_lacks(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    in_step(ana, ben)
    ana.act(SendMessage(MAI.id, "before the backup"))
    in_step(ana, ben)
    backup = back_up(team)
    ana.act(SendMessage(MAI.id, "after the backup"))
    ben.act(AddComment(MAI.id, "noted after the backup"))
    in_step(ana, ben)
    team.restore(backup)
    in_step(ana, ben)
    assert sorted(ana.texts()) == ["after the backup", "before the backup", "noted after the backup"]
    assert ana.refused == ben.refused == []
    assert ana.store.replica.epoch == ben.store.replica.epoch


def test_what_is_sent_before_a_restore_was_noticed_comes_behind_what_the_backup_lacks(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.exchange()
    backup = back_up(team)
    ana.act(SendMessage(MAI.id, "one"))
    ana.sync.exchange()
    team.restore(backup)
    ana.act(SendMessage(MAI.id, "two"))
    ana.sync.exchange()
    fresh = team.console("fresh")
    in_step(ana, fresh)
    assert ana.texts() == fresh.texts() == ["one", "two"]
    assert ana.counts.unsent == 0
    assert ana.refused == []


def test_what_another_history_was_given_is_not_taken_and_can_be_taken_back(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.exchange()
    backup = back_up(team)
    team.restore(backup)
    given = ana.act(SendMessage(MAI.id, "too early"))
    with pytest.raises(AnewError):
        ana.sync._exchange.push()
    assert ana.store.withdraw(given, now_ms())
    ana.sync.exchange()
    assert ana.texts() == []


def test_after_a_restored_backup_what_nobody_knows_any_more_is_gone_from_every_console(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.exchange()
    backup = back_up(team)
    team.hear("lost with the disk")
    ana.sync.exchange()
    assert ana.texts() == ["lost with the disk"]
    team.restore(backup)
    waiting = ana.act(SendMessage(MAI.id, "never left"))
    in_step(ana, team.console("fresh"))
    assert ana.texts() == ["never left"]
    assert ana.inbox.message(derived_id(waiting, Part.MAIN)) is not None


def test_a_running_console_follows_a_restored_server_and_stays_live(team: Team) -> None:
    ana = team.console("ana")
    ana.sync.start()
    ana.wait_for(SyncState.SYNCED)
    backup = back_up(team)
    ana.act(SendMessage(MAI.id, "after the backup"))
    ana.wait(lambda: ana.counts.unsent == 0)
    epoch = ana.store.replica.epoch
    team.restore(backup)
    ana.wait(lambda: ana.store.replica.epoch != epoch and ana.counts.unsent == 0)
    team.hear("still here")
    ana.wait(lambda: ana.texts() == ["after the backup", "still here"])


# Sight


def test_who_may_see_only_his_own_loses_the_others_and_keeps_his(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    team.hear("hello")
    team.hear("hello too", OMAR)
    ana.sync.exchange()
    ana.act(AssignContact(OMAR.id, BEN.id))
    in_step(ana, ben)
    team.change(replace(BEN, role=Role.AGENT, visibility=Visibility.OWN))
    ben.sync.exchange()
    assert (ben.inbox.contacts.card(MAI.id), ben.texts(MAI), ben.texts(OMAR)) == (None, [], ["hello too"])
    assert_sound(ben.store)
    in_step(ben, team.console("fresh", BEN))


def test_a_contact_comes_and_goes_with_its_assignee_and_what_waited_for_it_is_refused(team: Team) -> None:
    team.change(replace(BEN, role=Role.AGENT, visibility=Visibility.OWN))
    ana, ben = team.console("ana"), team.console("ben", BEN)
    team.hear("hello")
    ana.sync.exchange()
    ben.sync.exchange()
    assert ben.texts() == []
    ana.act(AssignContact(MAI.id, BEN.id))
    ana.sync.exchange()
    ben.sync.exchange()
    assert ben.texts() == ["hello"]
    ana.act(AssignContact(MAI.id, ANA.id, expected_id=BEN.id))
    ana.sync.exchange()
    issued = ben.inbox.reply(MAI.id, "too late")
    assert issued is not None
    entry = outbox.find(ben.store.reader, issued.id)
    assert entry is not None
    ben.store.apply(ben.authority.changes(ben.store.cursor, 500))
    assert (ben.inbox.contacts.card(MAI.id), ben.counts.refused) == (None, 1)
    (refused,) = outbox.entries(ben.store.reader, OutboxState.REFUSED)
    assert refused.problem is not None
    assert (refused.problem.code, refused.issued.command) == ("not-visible", SendMessage(MAI.id, "too late"))
    assert_sound(ben.store)


def test_who_is_no_active_user_any_more_is_signed_out_and_keeps_what_has_not_left(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    in_step(ana, ben)
    team.change(replace(BEN, active=False))
    ben.act(AddComment(MAI.id, "last words"))
    with pytest.raises(SignedOutError, match="not an active user"):
        ben.sync.exchange()
    assert ben.counts.unsent == 1


# One store, several consoles


def test_of_two_consoles_on_one_store_one_keeps_it_in_sync_and_the_other_takes_over(team: Team) -> None:
    first = team.console("ana")
    first.sync.start()
    first.wait_for(SyncState.SYNCED)
    second = Console(team, first.folder, ANA)
    team.consoles.append(second)
    second.sync.start()
    second.wait_for(SyncState.ELSEWHERE)
    second.act(SendMessage(MAI.id, "by way of the first"))
    first.wait(lambda: first.counts.unsent == 0 and first.texts() == ["by way of the first"])
    first.sync.stop()
    second.wait_for(SyncState.SYNCED)


def test_files_travel_with_messages_large_ones_in_pieces(team: Team) -> None:
    ana, ben = team.console("ana"), team.console("ben", BEN)
    in_step(ana, ben)
    large = team.folder / "plan.bin"
    large.write_bytes(bytes(range(256)) * (9 << 12) + b"end")  # a little more than fits into one request
    small = team.folder / "note.txt"
    small.write_text("meet at the door", encoding="utf-8")
    files = tuple(ana.inbox.blobs.add(path) for path in (large, small))
    ana.act(SendMessage(OMAR.id, "the plan", attachments=files))
    ana.sync.transfers.exchange()
    in_step(ana, ben)
    for file in files:
        ben.inbox.blobs.want(file.sha256, file.size)
    ben.sync.transfers.exchange()
    for file, path in zip(files, (large, small), strict=True):
        there = ben.inbox.blobs.path(file.sha256)
        assert there is not None
        assert there.read_bytes() == path.read_bytes()


def test_a_store_is_filled_page_by_page_and_can_be_used_before_that_ends(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ismsg_tui.sync.exchange.PAGE_ROWS", 2)
    for number in range(40):
        team.hear(f"message {number}")
    ana = team.console("ana")
    seen: list[int] = []
    ana.store.listen(lambda _: seen.append(len(ana.texts())))
    ana.sync.exchange()
    assert any(0 < count < 40 for count in seen)
    progress = [status.progress for status in ana.states if status.progress]
    assert [found.done for found in progress] == sorted(found.done for found in progress)
    assert progress[-1].done == progress[-1].total >= 40
    assert ana.inbox.workspace.id == WORKSPACE.id
