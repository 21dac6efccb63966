from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ismsg_tui.demo.content import load_scenes, load_workspace
from ismsg_tui.demo.guest import OUT_OF_REACH
from ismsg_tui.demo.hotel import Hotel
from ismsg_tui.demo.player import Player, StageClock
from ismsg_tui.demo.run import stage_hotel
from ismsg_tui.demo.scene import Scene
from ismsg_tui.domain.commands import AssignContact, CloseConversation, MarkRead, SendMessage
from ismsg_tui.domain.entities import (
    Conversation,
    ConversationStatus,
    Delivery,
    Message,
    MessageKind,
)
from ismsg_tui.domain.text import clean
from ismsg_tui.domain.views import View
from tests.demo_stage import NOON, STEP, Stage, contact_named, has_failed, outgoing
from tests.memory_authority import MemoryAuthority
from tests.replicas import rows_in, rows_of

SCENES = {scene.id: scene for scene in load_scenes()}
TAKES = {take.scene: take for take in load_workspace().takes}
LONG = 4 * 3600
"""Seconds in which any scene is over."""


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for stage in made:
        stage.store.close()


def open_stage(stages: list[Stage], tmp_path: Path, *scenes: str, at: int = NOON) -> Stage:
    stage = Stage(tmp_path, [SCENES[scene] for scene in scenes], at=at)
    stages.append(stage)
    return stage


def only_contact(stage: Stage) -> str:
    return next(iter(stage.player._parts))


def last_status(stage: Stage, contact_id: str) -> Delivery | None:
    return outgoing(stage.lines(contact_id))[-1].status


def conversations(stage: Stage) -> list[Conversation]:
    rows = (row for _, row in stage.authority.rows() if isinstance(row, Conversation))
    return sorted(rows, key=lambda row: row.opened_at)


def answer_all(stage: Stage, until: int) -> None:
    """Answer whoever waits, and send again what did not get through, looking at the screen now and then."""
    while stage.clock() < until:
        for row in stage.waiting():
            stage.act(SendMessage(row.contact_id, "Of course, with pleasure. Anything else I can do for you?"))
        for contact_id in stage.player._parts:
            lines = outgoing(stage.lines(contact_id))
            if lines and has_failed(lines[-1]):
                stage.act(SendMessage(contact_id, lines[-1].text))
        stage.go_on(STEP / 1000)


# Set-up


def test_guests_who_arrived_before_have_been_waiting_since_then(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, *SCENES)
    waited = {row.contact_id: row.waiting_since for row in stage.waiting()}
    early = [scene for scene in SCENES.values() if scene.arrives < 0 and scene.assignee in (None, "me")]
    assert len(early) > 5
    for scene in early:
        assert waited.pop(stage.hotel.contact(scene).id) == NOON + round(scene.arrives * 1000)
    assert waited == {}


@pytest.mark.parametrize("scene", [scene for scene in SCENES.values() if scene.history], ids=lambda scene: scene.id)
def test_history_is_what_the_rules_would_have_made(scene: Scene, tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, scene.id)
    users = stage.hotel.users
    history = sorted(scene.history, key=lambda past: -past.days_ago)
    closed = [row for row in conversations(stage) if row.status is ConversationStatus.CLOSED]
    assert [(row.closed_by, row.category, row.summary) for row in closed] == [
        (users[past.agent], past.category, past.summary) for past in history
    ]
    for row, past in zip(closed, history, strict=True):
        assert row.incoming_count == sum(turn.who == "customer" for turn in past.turns)
        assert row.outgoing_count == sum(turn.who == "agent" for turn in past.turns)
        assert row.opened_at < (row.closed_at or 0) < NOON - (past.days_ago - 15) * 86_400_000
    contact = contact_named(stage.authority, scene.contact.first_name)
    assert contact.created_at <= closed[0].opened_at
    told = [line for line in outgoing(stage.lines(contact.id)) if line.at < NOON]
    assert {line.status for line in told} <= {Delivery.SENT, Delivery.DELIVERED, Delivery.READ}
    times = [line.at for line in stage.lines(contact.id)]
    assert times == sorted(times)


def test_a_manager_gives_a_guest_away_and_comments_mention_by_name(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "walter-quill")
    contact_id = only_contact(stage)
    comment = stage.lines(contact_id)[-1]
    assert comment.kind is MessageKind.COMMENT
    assert comment.text.startswith("@You ")
    assert comment.mentions == (stage.hotel.me,)
    row = stage.inbox.contacts.row(contact_id)
    assert row is not None
    assert row.assignee_id == stage.hotel.me
    assert row.flagged


# Guests


@pytest.mark.parametrize("scene", SCENES.values(), ids=lambda scene: scene.id)
def test_every_scene_comes_to_its_end(scene: Scene, tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, scene.id)
    contact_id = only_contact(stage)
    goodbye = scene.answers[-1].says[-1].text
    end = NOON + LONG * 1000
    while goodbye not in stage.said(contact_id) and stage.clock() < end:
        if scene.assignee not in (None, "me") or scene.id in TAKES:
            contact = stage.player.contact(contact_id)
            if contact and contact.assignee_id in stage.hotel.teammates:
                stage.act(AssignContact(contact_id, stage.hotel.me, expected_id=contact.assignee_id))
        answer_all(stage, stage.clock() + STEP)
    said = stage.said(contact_id)
    assert said[-1] == clean(goodbye)
    opening = [clean(line.text) for line in scene.opening]
    begin = said.index(opening[0])
    assert said[begin : begin + len(opening)] == opening
    now = said[begin:]
    assert len(set(now)) == len(now)  # nothing is said twice
    assert all(clean(beat.says[0].text) in now for beat in scene.answers if not beat.hears)


def test_a_guest_reads_before_answering_and_answers_in_order(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "mai-tran")
    contact_id = only_contact(stage)
    heard = len(stage.said(contact_id))
    sent = stage.clock()
    stage.act(SendMessage(contact_id, "Good news: your room is ready, come whenever you like."))
    stage.go_on(3)
    assert len(stage.said(contact_id)) == heard
    stage.go_on(60)
    beat = next(beat for beat in SCENES["mai-tran"].answers if "ready" in beat.hears)
    assert stage.said(contact_id)[heard:] == [clean(line.text) for line in beat.says]
    lines = stage.lines(contact_id)[-len(beat.says) :]
    gaps = [later.at - earlier.at for earlier, later in pairwise(lines)]
    assert gaps == [round(line.after * 1000) for line in beat.says[1:]]
    assert lines[0].at - sent > beat.says[0].after * 1000


def test_several_messages_at_once_get_one_answer(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "mai-tran")
    contact_id = only_contact(stage)
    heard = len(stage.said(contact_id))
    for text in ("Hello Mai!", "One moment, I am looking.", "Yes: your room is ready."):
        stage.act(SendMessage(contact_id, text))
    stage.go_on(300)
    beats = [beat for beat in SCENES["mai-tran"].answers if clean(beat.says[0].text) in stage.said(contact_id)]
    assert len(beats) == 1
    assert len(stage.said(contact_id)) == heard + len(beats[0].says)


def test_small_talk_into_a_guests_sentence_is_not_answered_on_its_own(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "jess-kowalski")
    contact_id = only_contact(stage)
    stage.go_on(SCENES["jess-kowalski"].arrives + 1)
    stage.act(SendMessage(contact_id, "Hello Jess."))
    stage.go_on(300)
    openings = [clean(line.text) for line in SCENES["jess-kowalski"].opening]
    assert stage.said(contact_id)[-len(openings) :] == openings


def test_whoever_is_written_to_before_arriving_comes_at_once(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "jess-kowalski")
    contact_id = only_contact(stage)
    before = len(stage.said(contact_id))
    stage.act(SendMessage(contact_id, "How was your stay with us?"))
    stage.go_on(30)
    assert stage.clock() < NOON + SCENES["jess-kowalski"].arrives * 1000
    stage.go_on(600)
    assert stage.said(contact_id)[before:] == [clean(line.text) for line in SCENES["jess-kowalski"].opening]


def test_impatience_comes_to_those_whom_nobody_answers_and_only_to_them(tmp_path: Path, stages: list[Stage]) -> None:
    scene = SCENES["tyler-brooks"]
    assert scene.impatient is not None
    for name, is_answered in (("left-alone", False), ("answered", True)):
        stage = open_stage(stages, tmp_path / name, scene.id)
        contact_id = only_contact(stage)
        if is_answered:
            stage.act(SendMessage(contact_id, "Please restart the box."))
        stage.go_on(600)
        assert (clean(scene.impatient.text) in stage.said(contact_id)) is not is_answered


def test_a_farewell_opens_a_new_conversation_once(tmp_path: Path, stages: list[Stage]) -> None:
    scene = SCENES["theo-marsh"]
    assert scene.farewell is not None
    stage = open_stage(stages, tmp_path, scene.id)
    contact_id = only_contact(stage)
    answer_all(stage, NOON + 2 * 3600 * 1000)
    assert clean(scene.farewell) not in stage.said(contact_id)
    for _ in range(2):
        stage.act(CloseConversation(contact_id, category="Other"))
        stage.go_on(600)
        assert stage.said(contact_id).count(clean(scene.farewell)) == 1
        if stage.player.open_conversation(contact_id) is None:
            break
    else:
        pytest.fail("the conversation opened again and again")
    assert len(conversations(stage)) == 2


def test_a_guest_who_is_not_done_writes_again_after_a_closing(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "mai-tran")
    contact_id = only_contact(stage)
    said = len(stage.said(contact_id))
    stage.act(CloseConversation(contact_id, category="Other"))
    stage.go_on(600)
    assert len(stage.said(contact_id)) > said
    assert stage.player.open_conversation(contact_id) is not None
    answer_all(stage, stage.clock() + LONG * 1000)
    assert stage.said(contact_id)[-1] == clean(SCENES["mai-tran"].answers[-1].says[-1].text)


# Channels


@pytest.mark.parametrize(
    ("scene", "farthest"),
    [
        ("mai-tran", Delivery.READ),
        ("lena-fischer", Delivery.READ),
        ("margaret-ashdown", Delivery.DELIVERED),
        ("walter-quill", Delivery.SENT),
        ("omar-haddad", Delivery.SENT),
    ],
)
def test_a_message_goes_as_far_as_its_channel_tells(
    scene: str, farthest: Delivery, tmp_path: Path, stages: list[Stage]
) -> None:
    stage = open_stage(stages, tmp_path, scene)
    contact_id = only_contact(stage)
    stage.act(SendMessage(contact_id, "Hello!"))
    assert last_status(stage, contact_id) is Delivery.PENDING
    seen = []
    for _ in range(200):
        stage.go_on(0.1)
        seen.append(outgoing(stage.lines(contact_id))[-1].status)
    order = [status for status, before in zip(seen, [None, *seen], strict=False) if status is not before]
    steps = [Delivery.PENDING, Delivery.SENT, Delivery.DELIVERED, Delivery.READ]
    assert order == steps[: steps.index(farthest) + 1]


def test_a_message_into_a_gap_of_the_network_fails_and_the_next_arrives(tmp_path: Path, stages: list[Stage]) -> None:
    (scene,) = OUT_OF_REACH
    stage = open_stage(stages, tmp_path, scene)
    contact_id = only_contact(stage)
    stage.go_on(120)
    said = stage.said(contact_id)
    for expected in (Delivery.FAILED, Delivery.DELIVERED):
        assert stage.said(contact_id) == said  # what did not arrive is not answered
        stage.act(SendMessage(contact_id, "Of course, somebody will wait up for you."))
        stage.go_on(300)
        message = outgoing(stage.lines(contact_id))[-1]
        assert message.status is expected
        assert bool(message.error) is has_failed(message)
    assert len(stage.said(contact_id)) > len(said)


# Teammates


def test_a_teammate_takes_a_guest_and_sees_the_matter_through(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "emre-yildiz")
    stage.go_on(LONG)
    contact = contact_named(stage.authority, SCENES["emre-yildiz"].contact.first_name)
    take = TAKES["emre-yildiz"]
    assert contact.assignee_id == stage.hotel.users[take.user]
    told = outgoing(stage.lines(contact.id))
    assert [line.text for line in told] == [clean(line.text) for line in take.says]
    assert {line.author_id for line in told} == {contact.assignee_id}
    assert len(stage.said(contact.id)) > len(SCENES["emre-yildiz"].opening)


@pytest.mark.parametrize("scene", TAKES, ids=str)
def test_a_guest_whom_a_teammate_takes_is_never_left_without_an_answer(
    scene: str, tmp_path: Path, stages: list[Stage]
) -> None:
    stage = open_stage(stages, tmp_path, scene)
    stage.go_on(LONG)
    assert clean(SCENES[scene].answers[-1].says[-1].text) in stage.said(only_contact(stage))


def test_teammates_leave_alone_whom_the_agent_has_taken(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "lin-xiaoyu")
    contact_id = only_contact(stage)
    stage.act(AssignContact(contact_id, stage.hotel.me))
    stage.go_on(LONG)
    assert outgoing(stage.lines(contact_id)) == []


def test_a_teammate_stops_where_the_agent_steps_in(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "lin-xiaoyu")
    contact_id = only_contact(stage)
    stage.go_on(TAKES["lin-xiaoyu"].after + 10)
    assert len(outgoing(stage.lines(contact_id))) == 1
    stage.act(SendMessage(contact_id, "Good day, I am taking over from Kenji."))
    stage.go_on(LONG)
    authors = [line.author_id for line in outgoing(stage.lines(contact_id))]
    assert authors == [stage.hotel.users["kenji"], stage.hotel.me]


def test_a_guest_given_to_a_teammate_is_answered_by_them(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "lena-fischer")
    contact_id = only_contact(stage)
    gwen = stage.hotel.users["gwen"]
    stage.act(AssignContact(contact_id, gwen))
    stage.go_on(LONG)
    told = outgoing(stage.lines(contact_id))
    assert {line.author_id for line in told} == {gwen}
    goodbye = stage.hotel.content.teammate_lines[-1]
    assert [line.text for line in told].count(goodbye) == 1
    assert told[-1].text == goodbye
    lines = [line for line in stage.lines(contact_id) if line.kind in (MessageKind.INCOMING, MessageKind.OUTGOING)]
    kinds = [line.kind for line in lines]
    assert (MessageKind.OUTGOING, MessageKind.OUTGOING) not in pairwise(kinds)


def test_the_agent_who_comes_too_late_is_told_and_nothing_is_answered_twice(
    tmp_path: Path, stages: list[Stage]
) -> None:
    stage = open_stage(stages, tmp_path, "lin-xiaoyu")
    contact_id = only_contact(stage)
    stage.player.play_until(NOON + round(TAKES["lin-xiaoyu"].after * 1000))
    stage.act(AssignContact(contact_id, stage.hotel.me))  # the console has not heard of Kenji yet
    stage.go_on(LONG)
    row = stage.inbox.contacts.row(contact_id)
    assert row is not None
    assert row.assignee_id == stage.hotel.users["kenji"]
    told = [line.text for line in outgoing(stage.lines(contact_id))]
    assert len(told) == len(set(told))


# Time


def test_twice_the_speed_is_half_the_time(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, "tereza-dvorakova")
    stage.player.set_speed(2)
    stage.go_on(SCENES["tereza-dvorakova"].arrives / 2 + 1)
    assert stage.said(only_contact(stage)) == [clean(SCENES["tereza-dvorakova"].opening[0].text)]


def test_the_same_dice_play_the_same_demo(tmp_path: Path, stages: list[Stage]) -> None:
    played = []
    for name in ("one", "two"):
        stage = open_stage(stages, tmp_path / name, *SCENES)
        stage.go_on(600)
        played.append(stage.authority.rows())
    assert played[0] == played[1]


def test_a_player_on_its_own_thread_answers_and_stops() -> None:
    clock = StageClock()
    authority = MemoryAuthority(clock)
    player = stage_hotel(
        authority, Hotel(load_workspace()), [SCENES["tyler-brooks"]], clock=clock, rng=random.Random(1)
    )
    answered = threading.Event()
    head = authority.changes(0, 10_000).to

    def look() -> None:
        rows = (row for _, row in authority.changes(head, 10_000).rows)
        if any(isinstance(row, Message) and row.kind is MessageKind.INCOMING for row in rows):
            answered.set()

    authority.watch(look)
    player.set_speed(10_000)
    player.start()
    assert answered.wait(timeout=30)
    player.stop()
    assert not player._thread.is_alive()


def test_a_part_that_fails_does_not_end_the_demo(caplog: pytest.LogCaptureFixture) -> None:
    player = Player(MemoryAuthority())
    done = threading.Event()
    player.later(0, lambda: 1 / 0)
    player.later(0.001, done.set)
    player.start()
    assert done.wait(timeout=30)
    player.stop()
    assert "ZeroDivisionError" in caplog.text


# All of it


def test_after_half_an_hour_the_store_holds_what_the_authority_holds(tmp_path: Path, stages: list[Stage]) -> None:
    stage = open_stage(stages, tmp_path, *SCENES)
    for minute in range(30):
        waiting = stage.waiting()
        for number, row in enumerate(waiting[:4]):
            stage.act(MarkRead(row.contact_id, stage.clock()))
            stage.act(SendMessage(row.contact_id, f"Thank you! Let me check that for you ({minute})."))
            if number == 3:
                stage.act(CloseConversation(row.contact_id, category="Other", summary="Closed too soon."))
        stage.go_on(60)
    assert stage.inbox.unsent() == 0
    assert rows_of(stage.store) == rows_in(row for _, row in stage.authority.rows())
    assert stage.store.cursor == stage.authority.changes(0, 100_000).to
    assert len(outgoing(row for _, row in stage.authority.rows() if isinstance(row, Message))) > 60


def test_a_demo_that_was_kept_goes_on_where_it_ended(tmp_path: Path, stages: list[Stage]) -> None:
    scene = SCENES["grace-adeyemi"]
    stage = open_stage(stages, tmp_path, *SCENES)
    contact_id = contact_named(stage.authority, scene.contact.first_name).id
    stage.act(SendMessage(contact_id, "I am sorry. I am going up now to have a quiet word with them."))
    while len(stage.said(contact_id)) < 5:  # in the middle of an answer
        stage.go_on(1)
    stage.act(SendMessage(contact_id, "Not sent before the end"))
    stage.close()
    ended = stage.clock()

    again = open_stage(stages, tmp_path, *SCENES, at=ended + 86_400_000)
    assert [line.text for line in outgoing(again.lines(contact_id))][-1] == "Not sent before the end"
    while clean(scene.answers[-1].says[-1].text) not in again.said(contact_id):
        answer_all(again, again.clock() + STEP)
        assert again.clock() < ended + 86_400_000 + LONG * 1000
    said = again.said(contact_id)
    assert len(said) == len(set(said))
    assert [clean(line.text) for beat in scene.answers[-1:] for line in beat.says] == said[-2:]
    assert rows_of(again.store) == rows_in(row for _, row in again.authority.rows())
    again.go_on(900)
    arrived = {row.contact_id for row in again.inbox.contacts.view(View.ALL).page(limit=200).rows}
    assert {again.hotel.contact(found).id for found in SCENES.values()} == arrived
