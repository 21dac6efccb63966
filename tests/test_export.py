"""Exports: whatever somebody wrote is text in the document, all of it, and nothing else."""

from __future__ import annotations

import html
import json
import re
import stat
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from ismsg_tui.domain.commands import SnoozeConversation
from ismsg_tui.domain.entities import (
    Attachment,
    Contact,
    Delivery,
    Event,
    EventType,
    FileKind,
    Message,
    MessageKind,
    Source,
)
from ismsg_tui.domain.text import clean, file_name, one_line
from ismsg_tui.export import Format, document, every_line
from ismsg_tui.export.documents import PAGE
from ismsg_tui.inbox import Inbox
from ismsg_tui.store.store import Store
from ismsg_tui.store.timeline import ContactCard, Line
from tests.cli_desk import Desk, process
from tests.factories import ANA, BEN, BY_ANA, HOUR, MAI, PHONE, T0, WEB, WORKSPACE, Story, examples, uid
from tests.on_screen import HARD_TEXTS, needs_hard_texts

USERS = {user.id: user for user in (ANA, BEN)}
CHANNELS = {channel.id: channel for channel in (PHONE, WEB)}
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
HARMLESS = {
    *("inline", "text", "softbreak", "hardbreak", "paragraph_open", "paragraph_close"),
    *("blockquote_open", "blockquote_close", "strong_open", "strong_close", "em_open", "em_close"),
    *("heading_open", "heading_close"),
}
NASTY = st.lists(
    st.sampled_from(
        [
            *("# h", "[a](b)", "![a](b)", "<b>", "</p>", "&amp;", "<script>", "-->", "]]>", "**", "_", "`", "```"),
            *("- ", "+", "1. ", "10) ", "===", "---", ">", "|", "|-|", ":-", "http://x.y", "www.x.y", "a@b.c", "\\"),
            *("[x]: y", "~~", "$x$", "\u202e", "\x1b[2J", "\x00", "\u200f", "é", "退款", "'", '"', "a"),
            *("\n", "\n\n", " ", "    ", "\t", "\u3000", "\u00a0", "\u2800"),
        ]
    ),
    max_size=12,
).map("".join)
TEXTS = st.one_of(NASTY, st.text(max_size=40))


def message(text: str, kind: MessageKind = MessageKind.INCOMING, **fields: object) -> Line:
    made = Message(id=uid(), contact_id=MAI.id, kind=kind, at=T0, text=text, channel_id=PHONE.id)
    return Line(replace(made, **fields))


def written(form: Format, lines: list[Line], contact: Contact = MAI) -> str:
    return "".join(document(form, ContactCard(contact, []), lines, USERS, CHANNELS))


def folded(text: str) -> list[str]:
    """What is left of a text where spaces do not count."""
    return [" ".join(line.split()) for line in clean(text).split("\n") if line.split()]


class Page(HTMLParser):
    """The texts of an exported page, and every element in it with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if ("class", "text") in attrs:
            self._inside = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def rendered(page: str) -> tuple[list[Token], list[list[str]]]:
    """The blocks of a Markdown page, and the lines of each quotation in it."""
    blocks = MARKDOWN.parse(page)
    quotations: list[list[str]] = []
    depth = 0
    for block in blocks:
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(block.type, 0)
        if block.type == "blockquote_open":
            quotations.append([])
        if depth and block.type == "inline":
            text = "".join(part.content if part.type == "text" else "\n" for part in block.children or ())
            quotations[-1] += folded(text)
    return blocks, quotations


@settings(max_examples=examples(200))
@given(TEXTS, TEXTS)
@example("</p><script>alert(1)</script>", "<img src=x onerror=alert(1)>")
def test_a_page_gives_back_exactly_what_was_written_and_has_no_element_of_a_strangers(text: str, name: str) -> None:
    contact = replace(MAI, first_name=name, fields={name: text})
    lines = [message(text), message(text, MessageKind.COMMENT), message(text, MessageKind.OUTGOING, error=text)]
    page = Page(written(Format.HTML, lines, contact))
    assert page.texts == [clean(text)] * 3
    tags = {tag for tag, _ in page.elements}
    assert tags <= {*("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "ul", "li")} | {
        *("article", "p", "b", "bdi", "time")
    }
    assert {name for _, attributes in page.elements for name in attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "datetime", "dir")
    }


def test_a_page_forbids_scripts_and_everything_from_outside_and_allows_its_own_style() -> None:
    page = written(Format.HTML, [message("hello")])
    policy = next(found for _, found in Page(page).elements if "http-equiv" in found)["content"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    assert b64encode(sha256(style[1].encode()).digest()).decode() in policy


def test_each_text_of_a_page_has_its_own_direction() -> None:
    page = Page(written(Format.HTML, [message("שלום"), message("hello")]))
    assert [found.get("dir") for tag, found in page.elements if found.get("class") == "text"] == ["auto", "auto"]


@settings(max_examples=examples(300))
@given(TEXTS)
@example("Title\n===")
@example("    code\n\n    more")
@example("- a\n+ b\n1. c\n2) d")
@example("[x]: y\n\n[x]")
@example("a\n:-")
@example("&#35; &lt;")
@example("a\\")
def test_in_markdown_a_text_is_a_quotation_of_plain_lines(text: str) -> None:
    blocks, quotations = rendered(written(Format.MARKDOWN, [message(text)]))
    assert {block.type for block in blocks} <= HARMLESS | {
        *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close")
    }
    inline = [part.type for block in blocks for part in block.children or ()]
    assert set(inline) <= HARMLESS
    assert sum(block.type == "heading_open" for block in blocks) == 2  # the title and the day
    assert sum(block.type == "bullet_list_open" for block in blocks) == 1  # what is known about the contact
    assert inline.count("strong_open") == 1
    assert inline.count("em_open") == 0
    assert quotations == [folded(text)]


@settings(max_examples=examples(100))
@given(TEXTS)
@example("Mai *Tran*")
@example("**")
def test_in_markdown_a_name_is_plain_text_wherever_it_stands(name: str) -> None:
    contact = replace(MAI, first_name=name, last_name="", phone="1", fields={name: name})
    opened = Event(type=EventType.OPENED, source=Source.CONTACT)
    lines = [message("hello"), message("", MessageKind.EVENT, event=opened, source=Source.CONTACT)]
    blocks, _ = rendered(written(Format.MARKDOWN, lines, contact))
    parts = [part for block in blocks for part in block.children or ()]
    assert {part.type for part in parts} <= HARMLESS
    title = next(block for block in blocks if block.type == "inline")
    shown = "".join(part.content for part in title.children or ())
    assert folded(shown) == folded(f"Conversation with {one_line(contact.name)}")
    assert sum(block.type == "heading_open" for block in blocks) == 2


@pytest.mark.parametrize("text", ["http://evil.example", "www.evil.example", "WWW.evil.example", "https://a.b/c_d"])
def test_in_markdown_an_address_is_not_made_a_link_by_those_who_look_for_them(text: str) -> None:
    page = written(Format.MARKDOWN, [message(text)])
    assert not re.search(r"https?://|www\.", page, re.IGNORECASE)


@settings(max_examples=examples(100))
@given(TEXTS, TEXTS)
def test_json_gives_back_exactly_what_was_written_in_plain_ascii(text: str, name: str) -> None:
    page = written(Format.JSON, [message(text), message(name)], replace(MAI, first_name=name))
    assert page.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", page)
    found = json.loads(page)
    assert [line["text"] for line in found["lines"]] == [clean(text), clean(name)]
    assert [line["channel"] for line in found["lines"]] == [PHONE.name] * 2


@needs_hard_texts
@pytest.mark.parametrize("name", HARD_TEXTS)
def test_hard_texts_survive_every_format(name: str) -> None:
    text = HARD_TEXTS[name]
    lines = [message(text)]
    assert Page(written(Format.HTML, lines)).texts == [clean(text)]
    assert json.loads(written(Format.JSON, lines))["lines"][0]["text"] == clean(text)
    assert rendered(written(Format.MARKDOWN, lines))[1] == [folded(text)]


def test_the_document_tells_who_wrote_what_when_and_how_far_it_came() -> None:
    lines = [
        message("hello"),
        message("welcome", MessageKind.OUTGOING, author_id=ANA.id, status=Delivery.FAILED, error="no route"),
        message("over here", MessageKind.INCOMING, channel_id=WEB.id),
        message("a regular", MessageKind.COMMENT, author_id=BEN.id),
        message(
            "", MessageKind.EVENT, event=Event(type=EventType.SNOOZED, source=Source.USER, until=T0), author_id=BEN.id
        ),
    ]
    page = written(Format.MARKDOWN, lines, replace(MAI, assignee_id=ANA.id))
    for words in (
        "# Conversation with Mai Tran",
        "- Assigned to: Ana Silva",
        "Mai Tran** (through WhatsApp)",
        "Ana Silva** (not sent: no route)",
        "Mai Tran** (through Website)",
        "Comment by Ben Okoye** (only the team sees it)",
        "by Ben Okoye",
    ):
        assert words in page, page
    assert page.count("\n## ") == 1


def pages(story: Story, folder: Path) -> tuple[Inbox, list[str]]:
    store = Store(folder)
    store.adopt([*story.rows.values()])
    return Inbox(store, ANA.id), [line.id for line in story.lines(MAI.id)]


def test_the_whole_timeline_is_read_in_order_whatever_its_length(tmp_path: Path) -> None:
    story = Story()
    story.write([WORKSPACE])
    for number in range(PAGE // 2 + 20):
        story.hear(f"question {number}")
        story.reply(f"answer {number}")
    story.do(SnoozeConversation(MAI.id, story.now + HOUR), BY_ANA)
    inbox, ids = pages(story, tmp_path)
    assert len(ids) > PAGE
    assert [line.message.id for line in every_line(inbox, MAI.id)] == ids
    assert list(every_line(inbox, uid())) == []
    inbox.close_store()


@pytest.mark.parametrize("form", Format)
def test_a_document_is_made_line_by_line(form: Format) -> None:
    taken = 0

    def endless() -> Iterator[Line]:
        nonlocal taken
        while True:
            taken += 1
            yield message("x" * 1_000)

    pieces = document(form, ContactCard(MAI, []), endless(), USERS, CHANNELS)
    tracemalloc.start()
    for _ in islice(pieces, 2_000):
        pass
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert taken <= 2_000


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")


def test_a_conversation_is_written_where_and_as_one_says(desk: Desk, tmp_path: Path) -> None:
    mai = desk.contact("Mai", "Tran", "hello 🙏")
    assert desk.good("export", mai.id).startswith("# Conversation with Mai Tran\n")
    assert json.loads(desk.good("export", mai.id, "--format", "json"))["contact"]["name"] == "Mai Tran"
    for ending, start in (("md", "# Conv"), ("json", "{"), ("html", "<!doctype html>"), ("HTM", "<!doctype html>")):
        path = tmp_path / f"talk.{ending}"
        assert desk.good("export", mai.id, "--output", str(path)) == ""
        assert path.read_text(encoding="utf-8").startswith(start)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path = tmp_path / "talk.txt"
    assert "--format" in desk.refused("export", mai.id, "--output", str(path), code=2)
    desk.good("export", mai.id, "--output", str(path), "--format", "html")
    assert path.read_text().startswith("<!doctype html>")


def test_a_file_is_replaced_only_by_force_and_no_half_of_one_stays(desk: Desk, tmp_path: Path) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    path = tmp_path / "talk.md"
    path.write_text("mine")
    link = tmp_path / "link.md"
    link.symlink_to(path)
    assert "--force" in desk.refused("export", mai.id, "--output", str(path))
    assert "--force" in desk.refused("export", mai.id, "--output", str(link))
    assert path.read_text() == "mine"
    desk.good("export", mai.id, "--output", str(link), "--force")
    assert path.read_text().startswith("# Conversation")
    assert link.is_symlink()
    assert "not a file" in desk.refused("export", mai.id, "--output", str(tmp_path), "--format", "md", "--force")
    assert "Can't write" in desk.refused("export", mai.id, "--output", str(tmp_path / "no" / "talk.md"))
    assert "--output" in desk.refused("export", mai.id, "--force", code=2)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["data", "link.md", "talk.md"]


def test_what_a_pipe_gets_is_utf_8_whatever_the_terminal_speaks(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "退款")
    result = process(desk.folder, "export", mai.id)
    assert result.returncode == 0
    assert "退款" in result.stdout.decode("utf-8")


def test_an_unknown_contact_is_named(desk: Desk) -> None:
    assert "nobody" in desk.refused("export", "nobody")


def test_a_message_that_waits_says_so(desk: Desk) -> None:
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("send", mai.id, "one moment")
    assert "(waiting to be sent)" in desk.good("export", mai.id)


@pytest.mark.parametrize("name", ["plan.pdf", "](x) <b>*.png", "../../etc/passwd"])
def test_files_are_named_and_can_not_become_links(name: str) -> None:
    plan = Attachment(name=name, kind=FileKind.IMAGE, mime="image/png", size=2_000, sha256="0" * 64)
    lines = [message("", attachments=(plan,))]
    words = f"picture, {file_name(name)}, 2 kB"
    blocks, _ = rendered(written(Format.MARKDOWN, lines))
    parts = [part for block in blocks for part in block.children or ()]
    assert {part.type for part in parts} <= HARMLESS
    assert any(part.content.strip() == words for part in parts)
    page = written(Format.HTML, lines)
    assert f"<bdi>{html.escape(words)}</bdi>" in page
    assert json.loads(written(Format.JSON, lines))["lines"][0]["attachments"][0]["name"] == file_name(name)
