from __future__ import annotations

import gzip
import json
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.domain.entities import ConversationStatus, Delivery, Message, MessageKind, Source
from ismsg_tui.domain.state import Settings
from ismsg_tui.importer.conversations import StoreSink, Tally, Watch, import_conversations
from ismsg_tui.importer.dialogues import PAUSE, Folder, read_dialogue
from ismsg_tui.importer.reading import Problem
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.loading import NO_WORKSPACE
from ismsg_tui.store.rows import CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK, USER
from tests.cli_desk import Desk, environment
from tests.factories import T0

DATA = Path(__file__).parents[2] / "shared" / "data"
SECOND = 1_000


def dialogue(**changes: Any) -> dict[str, Any]:
    """A short dialogue with everything in it."""
    return {
        "id": "d-1",
        "source": "desk",
        "turns": [
            {"who": "customer", "text": "hello", "t": 0},
            {"who": "customer", "text": "I want a refund", "t": 5},
            {"who": "system", "kind": "lookup", "text": "order 12", "t": 5},
            {"who": "agent", "text": "Paid back.", "t": 20.5},
            {"who": "system", "kind": "end", "text": "customer left", "t": 60},
        ],
        "meta": {
            "lang": "en",
            "started": "2026-01-02T03:04:05Z",
            "customer_name": "Mai Tran",
            "agent_id": "Ana",
            "domains": ["refund", "order"],
            "type": "short",
            "fields": {"Order": "12", "Count": 3},
            "completion": "done",
        },
    } | changes


def written(path: Path, *lines: object, packed: bool = False) -> Path:
    """A file of these lines: JSON values, or bytes as they are."""
    content = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


class Bench:
    """An empty inbox to import into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = Inbox.open(folder / "data", "me")
        self.problems: list[Problem] = []

    def take(self, *paths: Path, now: int = T0, **watch: Any) -> Tally:
        return import_conversations(
            StoreSink(self.inbox.store), paths, now, Watch(problem=self.problems.append, **watch)
        )

    def dialogues(self, *lines: object, now: int = T0) -> Tally:
        return self.take(written(self.folder / "file.jsonl", *lines), now=now)

    def rows(self) -> list[tuple[object, ...]]:
        """Everything that is stored, whoever counts rows."""
        reader = self.inbox.store.reader
        found: list[tuple[object, ...]] = []
        for table in (USER, CHANNEL, CONTACT, CONVERSATION, MESSAGE, READ_MARK):
            found += [(table.name, *row) for row in reader.execute(f"{table.select} ORDER BY id")]
        found += [tuple(row) for row in reader.execute("SELECT * FROM inbox ORDER BY contact_id")]
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_dialogue_becomes_what_live_traffic_would_have_made(bench: Bench) -> None:
    tally = bench.dialogues(dialogue())
    assert (tally.conversations, tally.messages, tally.comments, tally.untimed) == (1, 3, 1, 0)
    (contact,) = bench.inbox.contacts.resolve("Mai Tran")
    assert (contact.first_name, contact.last_name, contact.language) == ("Mai", "Tran", "en")
    assert contact.tags == ("refund", "order", "short")
    assert contact.fields == {"Order": "12", "completion": "done"}
    users = {user.name: user for user in bench.inbox.users.values()}
    assert contact.assignee_id == users["Ana"].id
    card = bench.inbox.contacts.card(contact.id)
    assert card is not None
    (conversation,) = card.conversations
    start = 1_767_323_045_000
    assert conversation.status is ConversationStatus.CLOSED
    assert (conversation.opened_at, conversation.closed_at) == (start, start + 60 * SECOND)
    assert (conversation.closed_source, conversation.closed_by) == (Source.IMPORT, None)
    assert (conversation.first_response_by, conversation.response_wait) == (users["Ana"].id, 20_500)
    lines = [line.message for line in bench.inbox.timeline(contact.id)]
    assert [(line.kind, line.text or (line.event and line.event.type), line.at - start) for line in lines] == [
        (MessageKind.EVENT, "opened", 0),
        (MessageKind.INCOMING, "hello", 0),
        (MessageKind.INCOMING, "I want a refund", 5_000),
        (MessageKind.COMMENT, "order 12", 5_001),
        (MessageKind.EVENT, "assigned", 20_500),
        (MessageKind.OUTGOING, "Paid back.", 20_500),
        (MessageKind.EVENT, "closed", 60_000),
    ]
    assert lines[5].status is Delivery.SENT
    channel = bench.inbox.channels[contact.channel_id or ""]
    assert (channel.kind, channel.name, channel.text_limit) == ("import", "desk", 10_000)


def test_an_import_leaves_nothing_to_be_sent(bench: Bench) -> None:
    bench.dialogues(dialogue())
    assert bench.inbox.unsent() == 0
    assert bench.inbox.store.reader.execute("SELECT count(*) FROM outbox").fetchone()[0] == 0


def test_imported_messages_are_found_by_search(bench: Bench) -> None:
    bench.dialogues(dialogue())
    assert [hit.text for hit in bench.inbox.search("refund")] == ["I want a refund"]
    assert [hit.text for hit in bench.inbox.search("order")] == ["order 12"]


def test_the_same_file_again_changes_nothing_whenever_that_is(bench: Bench) -> None:
    untimed = dialogue(id="d-2", meta={}, turns=[{"who": "customer", "text": "hi"}, {"who": "agent", "text": "hello"}])
    bench.dialogues(dialogue(), untimed)
    before = bench.rows()
    tally = bench.dialogues(dialogue(), untimed, now=T0 + 86_400_000)
    assert (tally.conversations, tally.known, tally.rows) == (0, 2, 0)
    assert bench.rows() == before


def test_the_same_dialogue_twice_in_a_file_is_taken_once(bench: Bench) -> None:
    tally = bench.dialogues(dialogue(), dialogue())
    assert (tally.conversations, tally.known) == (1, 1)


def test_two_stores_make_the_same_rows_of_a_file(tmp_path: Path) -> None:
    one, two = Bench(tmp_path / "one"), Bench(tmp_path / "two")
    for each in (one, two):
        each.dialogues(dialogue())
    assert [row for row in one.rows() if "me" not in row] == [row for row in two.rows() if "me" not in row]


def test_what_an_agent_did_since_survives_another_import(bench: Bench) -> None:
    bench.dialogues(dialogue(turns=[{"who": "customer", "text": "hello", "t": 0}]))
    (contact,) = bench.inbox.contacts.resolve("Mai Tran")
    bench.inbox.reply(contact.id, "Welcome!")
    before = bench.rows()
    bench.dialogues(dialogue())
    assert bench.rows() == before


def test_turns_without_times_end_at_the_import_half_a_minute_apart(bench: Bench) -> None:
    tally = bench.dialogues(
        dialogue(meta={}, turns=[{"who": "customer", "text": text} for text in ("one", "two", "three")])
    )
    assert tally.untimed == 1
    (row,) = bench.inbox.store.reader.execute("SELECT id FROM contact").fetchall()
    times = [line.message.at for line in bench.inbox.timeline(row["id"]) if line.message.text]
    assert times == [T0 - 2 * PAUSE, T0 - PAUSE, T0]


def test_turns_of_one_moment_stay_in_order(bench: Bench) -> None:
    turns = [{"who": "customer", "text": str(number), "t": 7} for number in range(30)]
    bench.dialogues(dialogue(turns=turns))
    (contact,) = bench.inbox.contacts.resolve("Mai Tran")
    texts = [line.message.text for line in bench.inbox.timeline(contact.id) if line.message.text]
    assert texts == [str(number) for number in range(30)]


def test_a_dialogue_without_an_end_stays_open_and_one_goes_on_after_it(bench: Bench) -> None:
    goes_on = [*dialogue()["turns"], {"who": "customer", "text": "one more thing", "t": 90}]
    bench.dialogues(dialogue(turns=goes_on))
    (contact,) = bench.inbox.contacts.resolve("Mai Tran")
    card = bench.inbox.contacts.card(contact.id)
    assert card is not None
    assert [conversation.status for conversation in card.conversations] == [
        ConversationStatus.OPEN,
        ConversationStatus.CLOSED,
    ]


def test_an_agent_of_whom_nothing_is_known_is_called_agent(bench: Bench) -> None:
    bench.dialogues(dialogue(meta={}))
    assert {user.name for user in bench.inbox.users.values()} == {"me", "Agent"}


def test_an_agent_who_is_a_user_already_is_that_user(bench: Bench) -> None:
    bench.dialogues(dialogue(meta={"agent_id": "ME"}))
    assert [user.name for user in bench.inbox.users.values()] == ["me"]


def test_a_customer_without_a_name_is_called_as_the_dialogue_is(bench: Bench) -> None:
    bench.dialogues(dialogue(meta={}), dialogue(id="d-2", meta={"customer_phone": "+15550100"}))
    assert len(bench.inbox.contacts.resolve("d-1")) == 1
    assert bench.inbox.contacts.resolve("+15550100")[0].name == "+15550100"


def test_a_long_look_up_becomes_several_comments_and_loses_nothing(bench: Bench) -> None:
    text = "".join(str(number % 10) for number in range(2_500))
    bench.dialogues(dialogue(turns=[{"who": "customer", "text": "hi"}, {"who": "system", "text": text}]))
    (contact,) = bench.inbox.contacts.resolve("Mai Tran")
    comments = [line.message.text for line in bench.inbox.timeline(contact.id)][-3:]
    assert "".join(comments) == text


BAD = {
    "broken JSON": b'{"id": "d-1", ',
    "no JSON": b"hello",
    "no object": b"[1, 2]",
    "another thing": b'{"name": "hi", "text": "hello"}',
    "a wrong type": json.dumps(dialogue(turns="none")).encode(),
    "a wrong speaker": json.dumps(dialogue(turns=[{"who": "nobody", "text": "hi"}])).encode(),
    "a turn without text": json.dumps(dialogue(turns=[{"who": "agent"}])).encode(),
    "a time that is none": json.dumps(dialogue(turns=[{"who": "agent", "text": "hi", "t": "soon"}])).encode(),
    "a time out of range": json.dumps(dialogue(turns=[{"who": "agent", "text": "hi", "t": 1e300}])).encode(),
    "a time before time": json.dumps(dialogue(turns=[{"who": "agent", "text": "hi", "t": -1e12}])).encode(),
    "no turns": json.dumps(dialogue(turns=[])).encode(),
    "blank turns": json.dumps(dialogue(turns=[{"who": "agent", "text": " \n"}])).encode(),
    "no id": json.dumps(dialogue(id="")).encode(),
    "a start that is none": json.dumps(dialogue(meta={"started": "yesterday"})).encode(),
    "a start before time": json.dumps(dialogue(meta={"started": "1066-10-14T09:00:00Z"})).encode(),
    "a name that is none": json.dumps(dialogue(meta={"customer_name": 5})).encode(),
    "half a character": b'{"id": "d-1", "source": "x", "turns": [{"who": "agent", "text": "\\ud83d"}], "meta": {}}',
    "another half": b'{"id": "d-1", "source": "x", "turns": [{"who": "agent", "text": "a\\udc00b"}], "meta": {}}',
    "no UTF-8": b'{"id": "d-1", "source": "x", "turns": [{"who": "agent", "text": "na\xefve"}], "meta": {}}',
    "too long a message": json.dumps(dialogue(turns=[{"who": "agent", "text": "x" * 10_001}])).encode(),
    "a deep nest": b'{"id": "d-1", "meta": {"a": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_and_the_others_go_in(bench: Bench, line: bytes) -> None:
    tally = bench.dialogues(dialogue(id="d-0"), line, b"", dialogue(id="d-9"))
    assert (tally.conversations, tally.problems) == (2, 1)
    (problem,) = bench.problems
    assert (problem.path.name, problem.line) == ("file.jsonl", 2)
    assert problem.reason


def test_half_a_character_is_called_so(bench: Bench) -> None:
    bench.dialogues(BAD["half a character"])
    assert "half a character" in bench.problems[0].reason


def test_a_compressed_file_that_breaks_off_keeps_what_was_whole(bench: Bench) -> None:
    path = written(bench.folder / "file.jsonl.gz", *(dialogue(id=str(number)) for number in range(500)), packed=True)
    path.write_bytes(path.read_bytes()[:-200])
    tally = bench.take(path)
    assert 0 < tally.conversations < 500
    assert "ends too early" in bench.problems[0].reason
    assert bench.problems[0].line == tally.conversations + 1


def test_a_damaged_compressed_file_is_a_problem_of_its_own(bench: Bench) -> None:
    path = written(bench.folder / "file.gz", *(dialogue(id=str(number)) for number in range(500)), packed=True)
    content = bytearray(path.read_bytes())
    content[100:140] = b"\x00" * 40
    path.write_bytes(content)
    good = written(bench.folder / "good.jsonl", dialogue())
    tally = bench.take(path, good)
    assert "damaged" in bench.problems[0].reason
    assert tally.conversations >= 1


def test_files_that_are_not_there_are_problems(bench: Bench) -> None:
    tally = bench.take(bench.folder / "nowhere", bench.folder, written(bench.folder / "good.jsonl", dialogue()))
    assert [problem.line for problem in bench.problems] == [0, 0]
    assert tally.conversations == 1


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(bench: Bench) -> None:
    path = bench.folder / "file.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(dialogue()).encode() + b"\r\n\r\n")
    assert bench.take(path).conversations == 1
    assert bench.problems == []


def test_an_import_that_is_stopped_keeps_what_is_in_and_goes_on_later(bench: Bench) -> None:
    path = written(bench.folder / "file.jsonl", *(dialogue(id=str(number)) for number in range(10)))
    seen = Counter[str]()

    def enough() -> bool:
        seen["asked"] += 1
        return seen["asked"] == 4

    first = bench.take(path, stop=enough)
    assert (first.stopped, first.conversations) == (True, 4)
    second = bench.take(path)
    assert (second.stopped, second.conversations, second.known) == (False, 6, 4)


def test_hostile_text_is_stored_harmless(bench: Bench) -> None:
    evil = "\x1b]0;owned\x07\u202ered\x00"
    bench.dialogues(
        dialogue(
            turns=[{"who": "customer", "text": evil}, {"who": "agent", "text": evil}, {"who": "system", "text": evil}],
            meta={"customer_name": evil, "agent_id": f"Ana{evil}", "domains": [evil], "fields": {evil: evil}},
        )
    )
    stored = repr(bench.rows()) + "".join(user.name for user in bench.inbox.users.values())
    assert "\\x1b" not in stored
    assert "\\u202e" not in stored


@given(
    line=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["customer", "agent"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "source", "turns", "who", "text", "t", "meta", "x"]), inner)
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_line_does_more_than_be_refused(line: bytes) -> None:
    with suppress(ValueError):
        read_dialogue(line)


@given(
    st.lists(
        st.builds(
            lambda who, text, t, kind: {"who": who, "text": text, "t": t, "kind": kind},
            st.sampled_from(["customer", "agent", "system"]),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
            st.none() | st.floats(0, 1e6),
            st.sampled_from([None, "end", "lookup"]),
        ),
        max_size=12,
    )
)
def test_every_turn_that_says_something_is_in_the_timeline_in_order(turns: list[dict[str, Any]]) -> None:
    said = [turn["text"] for turn in turns if turn["text"].strip() and (turn["who"], turn["kind"]) != ("system", "end")]
    try:
        folded = Folder(Settings(NO_WORKSPACE, {}, {}), T0).fold(
            read_dialogue(json.dumps(dialogue(turns=turns)).encode())
        )
    except ValueError:
        assert said == []
        return
    lines = [row for row in folded.rows if isinstance(row, Message)]
    assert lines == sorted(lines, key=lambda line: (line.at, line.id))
    assert [line.text for line in lines if line.event is None and line.text.strip()] == said
    assert folded.messages + folded.comments >= len(said)


def turns_of(path: Path) -> Counter[str]:
    """How many turns of each kind a file holds, and how many dialogues."""
    counts = Counter[str]()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            counts["dialogue"] += 1
            for turn in json.loads(line)["turns"]:
                counts["end" if turn.get("kind") == "end" else turn["who"]] += 1
    return counts


@pytest.mark.skipif(not DATA.is_dir(), reason="the real conversations are not there")
def test_real_conversations_go_in_whole(bench: Bench) -> None:
    files = [DATA / f"{name}.jsonl.gz" for name in ("star", "multilingual", "messages")]
    expected = sum((turns_of(path) for path in files), Counter[str]())
    tally = bench.take(*files)
    assert bench.problems == []
    assert tally.conversations == expected["dialogue"]
    assert (tally.messages, tally.comments) == (expected["customer"] + expected["agent"], expected["system"])
    reader = bench.inbox.store.reader
    kinds = dict(reader.execute("SELECT kind, count(*) FROM message GROUP BY kind").fetchall())
    assert (kinds["incoming"], kinds["outgoing"]) == (expected["customer"], expected["agent"])
    assert kinds["comment"] == expected["system"]
    closed = reader.execute("SELECT count(*) FROM conversation WHERE status = 'closed'").fetchone()[0]
    assert closed == expected["end"]
    assert reader.execute("SELECT count(*) FROM contact").fetchone()[0] == expected["dialogue"]
    assert reader.execute("SELECT count(DISTINCT contact_id) FROM inbox").fetchone()[0] == expected["dialogue"]
    again = bench.take(files[-1])
    assert (again.conversations, again.known) == (0, turns_of(files[-1])["dialogue"])


# The command


def test_the_command_says_what_came_in(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    path = written(tmp_path / "file.jsonl.gz", dialogue(), packed=True)
    assert desk.good("import", str(path)).startswith("1 conversation imported (3 messages, 1 comment) in ")
    assert "1 were there already" in desk.good("import", str(path))
    assert desk.objects("ls", "--view", "closed")[0]["name"] == "Mai Tran"
    untimed = written(tmp_path / "other.jsonl", dialogue(id="d-2", meta={}))
    assert "1 conversation did not say when" in desk.good("import", str(untimed))


def test_the_command_names_bad_lines_on_stderr_and_fails(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    path = written(tmp_path / "file.jsonl", dialogue(), b"{", dialogue(id="d-2"), b"[]")
    result = desk.run("import", str(path), str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert result.stdout.startswith("2 conversations imported")
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{path}:2: broken JSON")
    assert lines[1].startswith(f"{path}:4: ")
    assert lines[2].startswith(f"{tmp_path / 'nowhere'}: ")
    assert lines[3] == "3 problems: the rest is in."
    assert len(desk.objects("ls", "--view", "all")) == 2


def test_a_file_without_a_single_dialogue_leaves_no_rest(tmp_path: Path) -> None:
    path = written(tmp_path / "file.jsonl", b'{"text": "no dialogue"}')
    result = Desk(tmp_path / "data").run("import", str(path))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "1 problem: nothing is in."


def test_ctrl_c_ends_an_import_between_two_lines(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "ismsg_tui", "import", str(pipe)],
        env={**os.environ, **environment(tmp_path / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with pipe.open("wb", buffering=0) as file:
        file.write(json.dumps(dialogue()).encode() + b"\n")
        process.send_signal(signal.SIGINT)
        file.write(json.dumps(dialogue(id="d-2")).encode() + b"\n" + json.dumps(dialogue(id="d-3")).encode() + b"\n")
        output, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Stopped. What is in stays" in said
    assert "Traceback" not in said
    kept = int(output.split()[0])
    assert kept in (1, 2)
    inbox = Inbox.open(tmp_path / "data", "me")
    assert inbox.store.reader.execute("SELECT count(*) FROM contact").fetchone()[0] == kept
    inbox.close_store()


def test_a_terminal_shows_how_far_an_import_has_come(tmp_path: Path) -> None:
    path = written(tmp_path / "file.jsonl", *(dialogue(id=str(number)) for number in range(50)))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ismsg_tui", "import", str(path)],
        env={**os.environ, **environment(tmp_path / "data"), "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 65_536):
            drawn += chunk
    except OSError:  # what a terminal says whose program has ended
        pass
    output, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert b"messages/s" in drawn
    assert b"100%" in drawn
    assert output.startswith(b"50 conversations imported")
