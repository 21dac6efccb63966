from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from ismsg_tui.clock import new_id
from ismsg_tui.domain.entities import Snippet
from ismsg_tui.importer.reading import Problem
from ismsg_tui.importer.snippets import SnippetTally, import_snippets
from ismsg_tui.inbox import Inbox
from tests.cli_desk import Desk

DATA = Path(__file__).parents[2] / "shared" / "data"


class Shelf:
    """An inbox without snippets, and what an import complains about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = Inbox.open(folder / "data", "me")
        self.problems: list[Problem] = []

    def take(self, content: str | bytes, name: str = "file.jsonl") -> SnippetTally:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return import_snippets(self.inbox, [path], self.problems.append)

    def all(self) -> dict[str, Snippet]:
        return {snippet.name: snippet for snippet in self.inbox.snippets.all()}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


HELLO = json.dumps({"name": "hello", "topic": "general", "text": "Hello!", "lang": "en", "uses": 7, "vars": []})


def test_snippets_come_in_with_all_their_columns(shelf: Shelf) -> None:
    assert shelf.take(HELLO).added == 1
    snippet = shelf.all()["hello"]
    assert (snippet.topic, snippet.text, snippet.language, snippet.uses) == ("general", "Hello!", "en", 7)


def test_the_same_file_again_changes_nothing_even_after_use(shelf: Shelf) -> None:
    shelf.take(HELLO)
    shelf.inbox.snippets.use(shelf.all()["hello"].id)
    before = shelf.all()
    tally = shelf.take(HELLO)
    assert (tally.added, tally.changed, tally.same) == (0, 0, 1)
    assert shelf.all() == before
    assert before["hello"].uses == 8


def test_a_changed_text_replaces_the_old_one_and_keeps_the_rest(shelf: Shelf) -> None:
    shelf.take(HELLO)
    tally = shelf.take('{"name": "HELLO", "text": "Good morning!"}')
    assert (tally.added, tally.changed) == (0, 1)
    (snippet,) = shelf.all().values()
    assert (snippet.text, snippet.topic, snippet.language, snippet.uses) == ("Good morning!", "general", "en", 7)


def test_a_snippet_written_by_hand_is_known_by_its_name(shelf: Shelf) -> None:
    mine = Snippet(id=new_id(), name="hello", text="mine")
    shelf.inbox.snippets.save(mine)
    assert shelf.take(HELLO).changed == 1
    assert [(snippet.id, snippet.text) for snippet in shelf.all().values()] == [(mine.id, "Hello!")]


def test_a_removed_snippet_comes_back_with_its_file(shelf: Shelf) -> None:
    shelf.take(HELLO)
    shelf.inbox.snippets.delete(shelf.all()["hello"].id)
    assert shelf.take(HELLO).added == 1
    assert shelf.all()["hello"].text == "Hello!"


def test_of_two_lines_with_one_name_the_last_counts(shelf: Shelf) -> None:
    twice = '{"name": "a", "text": "one"}\n{"name": "A", "text": "two"}'
    assert shelf.take(twice).added == 1
    assert [snippet.text for snippet in shelf.all().values()] == ["two"]
    assert shelf.take(twice).same == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("file.csv", 'name,text,topic,language,uses\nhello,"Hello, you",general,en,3\n\nbye,"Good\nbye",,,\n'),
        ("file.CSV", '\ufeffText;Name;lang;topic;uses;colour\n"Hello, you";hello;en;general;3;red\n"Good\nbye";bye\n'),
    ],
)
def test_csv_is_read_with_either_separator(shelf: Shelf, name: str, content: str) -> None:
    assert shelf.take(content, name).added == 2
    hello, bye = shelf.all()["hello"], shelf.all()["bye"]
    assert (hello.text, hello.topic, hello.language, hello.uses) == ("Hello, you", "general", "en", 3)
    assert (bye.text, bye.topic, bye.language, bye.uses) == ("Good\nbye", "", "", 0)


def test_a_compressed_csv_is_read_too(shelf: Shelf) -> None:
    assert shelf.take(gzip.compress(b"name,text\nhello,Hello\n"), "file.csv.gz").added == 1


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        ("x.jsonl", HELLO.encode() + b'\n{"name": "x"}', 2, "text"),
        ("x.jsonl", HELLO.encode() + b'\n{"name": "", "text": "x"}', 2, "name"),
        ("x.jsonl", HELLO.encode() + b'\n{"name": "x", "text": " "}', 2, "text"),
        ("x.jsonl", HELLO.encode() + b'\n{"name": "x", "text": "x", "uses": -1}', 2, "uses"),
        ("x.jsonl", HELLO.encode() + b'\n{"name": "x", "text": "\\udc00"}', 2, "half a character"),
        ("x.jsonl", HELLO.encode() + b"\n{", 2, "broken JSON"),
        ("x.csv", b"name,text,uses\nhello,Hello,\nx,y,many\n", 3, "int"),
        ("x.csv", b"name,text\nhello,Hello\nx,\n", 3, "text"),
        ("x.csv", b"name,text\nhello,Hello\nx,\xff\xfe\n", 3, "UTF-8"),
    ],
)
def test_a_bad_snippet_is_named_and_the_others_go_in(
    shelf: Shelf, name: str, content: bytes, line: int, reason: str
) -> None:
    tally = shelf.take(content, name)
    (problem,) = shelf.problems
    assert (tally.problems, problem.line) == (1, line)
    assert reason in problem.reason
    assert list(shelf.all()) == ["hello"]


def test_a_csv_without_the_columns_is_refused(shelf: Shelf) -> None:
    assert shelf.take("title,body\na,b\n", "x.csv").problems == 1
    assert "name the columns" in shelf.problems[0].reason


def test_a_file_that_is_not_there_is_a_problem(shelf: Shelf) -> None:
    tally = import_snippets(shelf.inbox, [shelf.folder / "nowhere"], shelf.problems.append)
    assert (tally.problems, shelf.problems[0].line) == (1, 0)


def test_hostile_text_is_stored_harmless(shelf: Shelf) -> None:
    shelf.take(json.dumps({"name": "a\x1b[31m", "text": "b\x1b]0;x\x07c", "topic": "\u202ed"}))
    (snippet,) = shelf.all().values()
    assert (snippet.name, snippet.text, snippet.topic) == ("a", "bc", "d")
    assert shelf.take(json.dumps({"name": "a\x1b[31m", "text": "b\x1b]0;x\x07c", "topic": "\u202ed"})).same == 1


@pytest.mark.skipif(not DATA.is_dir(), reason="the real snippets are not there")
def test_real_snippets_go_in_whole(shelf: Shelf) -> None:
    content = (DATA / "snippets.jsonl").read_text(encoding="utf-8")
    names = {json.loads(line)["name"] for line in content.splitlines()}
    assert shelf.take(content).added == len(names)
    assert set(shelf.all()) == names
    assert shelf.take(content).same == len(names)


def test_the_command_reports_and_fails_on_bad_lines(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    path = tmp_path / "file.jsonl"
    path.write_text(f"{HELLO}\nnonsense\n", encoding="utf-8")
    result = desk.run("snippets", "import", str(path))
    assert result.exit_code == 1
    assert result.stdout == "1 added, 0 changed, 0 as they were.\n"
    assert result.stderr.startswith(f"{path}:2: broken JSON")
    assert result.stderr.endswith("1 problem: the rest is in.\n")
    path.write_text(HELLO, encoding="utf-8")
    assert desk.good("snippets", "import", str(path)) == "0 added, 0 changed, 1 as they were.\n"
