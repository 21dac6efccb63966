from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from ismsg_tui.clock import new_id
from ismsg_tui.demo.content import DemoError
from ismsg_tui.demo.player import Player, StageClock
from ismsg_tui.demo.replay import ME_ID, STAGGER, read_recording
from ismsg_tui.demo.run import stage_recording
from ismsg_tui.domain.commands import Actor, AssignContact, Command, Issued, SendMessage
from ismsg_tui.domain.entities import Contact, Conversation, ConversationStatus, Message, MessageKind, User
from tests.demo_stage import NOON, outgoing
from tests.memory_authority import MemoryAuthority

DATA = Path(__file__).parents[2] / "shared" / "data"
TALK = [
    ("customer", "hello", 0),
    ("agent", "Good day!", 10),
    ("customer", "a table for two", 30),
    ("customer", "by the window", 35),
    ("system", "table: free", 40),
    ("agent", "Yes.", 50),
    ("customer", "thanks", 60),
    ("agent", "Goodbye.", 70),
]


def dialogue(name: str = "one", *, end: bool = True) -> dict[str, object]:
    turns: list[dict[str, object]] = [{"who": who, "text": text, "t": t} for who, text, t in TALK]
    if end:
        turns.append({"who": "system", "kind": "end", "text": "over", "t": 75})
    meta = {"lang": "en", "agent_id": "a1", "customer_name": "Ben"}
    return {"id": name, "source": "TEST", "split": "dev", "turns": turns, "meta": meta}


def recording_file(folder: Path, *lines: object) -> Path:
    path = folder / "talk.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


class Replay:
    def __init__(self, path: Path, *, authority: MemoryAuthority | None = None) -> None:
        self.clock = StageClock(NOON)
        self.authority = authority or MemoryAuthority(self.clock)
        self.player = self.stage(path)

    def stage(self, path: Path) -> Player:
        return stage_recording(self.authority, read_recording(path), clock=self.clock, rng=random.Random(1))

    def go_on(self, seconds: float) -> None:
        self.player.play_until(self.clock() + round(seconds * 1000))

    def act(self, command: Command) -> None:
        assert self.authority.submit(Issued(new_id(), command, Actor(ME_ID), self.clock())).refusal is None

    @property
    def contact(self) -> Contact:
        return next(row for _, row in self.authority.rows() if isinstance(row, Contact))

    @property
    def lines(self) -> list[Message]:
        rows = [row for _, row in self.authority.rows() if isinstance(row, Message)]
        return sorted(rows, key=lambda row: (row.at, row.id))

    def texts(self, kind: MessageKind = MessageKind.INCOMING) -> list[str]:
        return [line.text for line in self.lines if line.kind is kind]


def test_a_recording_is_played_turn_by_turn_at_its_own_pace(tmp_path: Path) -> None:
    replay = Replay(recording_file(tmp_path, dialogue()))
    replay.go_on(600)
    lines = [line for line in replay.lines if line.text]
    assert [(line.text, (line.at - NOON) // 1000) for line in lines] == [(text, t) for _, text, t in TALK]
    agent = next(row for _, row in replay.authority.rows() if isinstance(row, User) and row.name == "a1")
    assert {line.author_id for line in outgoing(lines)} == {agent.id}
    assert replay.contact.name == "Ben"
    assert replay.contact.assignee_id == agent.id
    conversation = next(row for _, row in replay.authority.rows() if isinstance(row, Conversation))
    assert (conversation.status, conversation.closed_by) == (ConversationStatus.CLOSED, agent.id)


def test_conversations_begin_one_after_the_other_and_overlap(tmp_path: Path) -> None:
    replay = Replay(recording_file(tmp_path, dialogue("one"), dialogue("two"), dialogue("one")))
    replay.go_on(600)
    begins = [line.at for line in replay.lines if line.text == "hello"]
    assert begins == [NOON, NOON + STAGGER * 1000]


def test_whoever_takes_a_contact_has_the_customer_to_himself(tmp_path: Path) -> None:
    replay = Replay(recording_file(tmp_path, dialogue()))
    replay.go_on(5)
    replay.act(AssignContact(replay.contact.id, ME_ID))
    replay.go_on(600)
    assert replay.texts() == ["hello"]
    assert replay.texts(MessageKind.OUTGOING) == []
    expected = ["hello"]
    for answer in (["a table for two", "by the window"], ["thanks"], []):
        expected += answer
        replay.act(SendMessage(replay.contact.id, "Well?"))
        replay.act(SendMessage(replay.contact.id, "I am listening."))
        replay.go_on(600)
        assert replay.texts() == expected
    assert set(replay.texts(MessageKind.OUTGOING)) == {"Well?", "I am listening."}
    assert next(row.status for _, row in replay.authority.rows() if isinstance(row, Conversation)) == "open"


def test_a_contact_that_is_given_back_is_answered_by_the_recorded_agent(tmp_path: Path) -> None:
    replay = Replay(recording_file(tmp_path, dialogue()))
    replay.go_on(5)
    replay.act(AssignContact(replay.contact.id, ME_ID))
    replay.go_on(600)
    replay.act(AssignContact(replay.contact.id, None, expected_id=ME_ID))
    replay.go_on(600)
    assert replay.texts(MessageKind.OUTGOING) == [text for who, text, _ in TALK if who == "agent"]


@pytest.mark.parametrize("seconds", [1, 12, 32, 42, 52, 72, 100])
def test_a_recording_that_was_broken_off_goes_on_there(seconds: int, tmp_path: Path) -> None:
    path = recording_file(tmp_path, dialogue(), dialogue("two"))
    replay = Replay(path)
    replay.go_on(seconds)
    replay.player = replay.stage(path)
    replay.go_on(3600)
    for who, kind in (
        ("customer", MessageKind.INCOMING),
        ("agent", MessageKind.OUTGOING),
        ("system", MessageKind.COMMENT),
    ):
        assert sorted(replay.texts(kind)) == sorted(2 * [text for name, text, _ in TALK if name == who])
    conversations = [row for _, row in replay.authority.rows() if isinstance(row, Conversation)]
    assert [row.status for row in conversations] == [ConversationStatus.CLOSED] * 2


def test_lines_that_are_no_dialogue_are_named_and_the_others_played(tmp_path: Path) -> None:
    recording = read_recording(recording_file(tmp_path, dialogue("one"), "{broken", {"id": "x"}, dialogue("two")))
    assert len(recording.dialogues) == 2
    assert [problem.line for problem in recording.problems] == [2, 3]
    assert all(problem.reason for problem in recording.problems)


def test_a_file_cut_short_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    noise = random.Random(1)
    lines = [{**dialogue(str(number)), "split": noise.randbytes(500).hex()} for number in range(50)]
    packed = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    recording = read_recording(path)
    assert 0 < len(recording.dialogues) < 50
    assert len(recording.problems) == 1


@pytest.mark.parametrize("content", [None, "", "not json\n"])
def test_a_file_without_a_dialogue_is_refused_with_its_name(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "nothing.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DemoError, match=r"nothing\.jsonl"):
        read_recording(path)


@pytest.mark.skipif(not DATA.is_dir(), reason="the recorded conversations are not at hand")
@pytest.mark.parametrize("name", ["star", "multilingual"])
def test_real_conversations_arrive_whole(name: str, tmp_path: Path) -> None:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        head = [next(file) for _ in range(20)]
    path = tmp_path / "head.jsonl"
    path.write_text("".join(head), encoding="utf-8")
    replay = Replay(path)
    replay.go_on(6 * 3600)
    turns = [turn for line in head for turn in json.loads(line)["turns"]]
    for who, kind in (("customer", MessageKind.INCOMING), ("agent", MessageKind.OUTGOING)):
        assert sorted(replay.texts(kind)) == sorted(turn["text"] for turn in turns if turn["who"] == who)
    rows = [row for _, row in replay.authority.rows() if isinstance(row, Conversation)]
    assert len(rows) >= 20
    closed = sum(row.status is ConversationStatus.CLOSED for row in rows)
    assert closed == sum(turn["who"] == "system" and turn.get("kind") == "end" for turn in turns)
