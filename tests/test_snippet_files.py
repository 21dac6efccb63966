"""Files that are kept with a snippet: stored with it, listed, sent with it, and put into the draft at the desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from ismsg_tui.clock import new_id, now_ms
from ismsg_tui.domain.commands import Command, DeleteSnippet, SaveSnippet, UseSnippet
from ismsg_tui.domain.entities import Attachment, Channel, Contact, FileKind, MediaRule, Snippet
from ismsg_tui.domain.media import media_of
from ismsg_tui.inbox import Inbox, RefusedError
from ismsg_tui.store import departures
from ismsg_tui.sync.transfers import to_send, want_new
from ismsg_tui.widgets.composer import Composer
from tests.cli_desk import Desk
from tests.desk_setup import (
    CHANNEL,
    console,
    contact_named,
    on_screen,
    open_inbox,
    press,
    settle,
    settle_until,
    until_seen,
    write,
)
from tests.factories import Book, code

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0 and so on"
MAP = Attachment(name="map.png", kind=FileKind.IMAGE, mime="image/png", size=len(PNG), sha256="a" * 64)
WAY = Snippet(id=new_id(), name="way", text="Here is the way.", attachments=(MAP,))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture to be kept with a snippet."""
    path = tmp_path / "map.png"
    path.write_bytes(PNG)
    return path


def way_kept(inbox: Inbox, picture: Path, text: str = "Here is the way.") -> Snippet:
    """A snippet with the picture, as the inbox keeps it."""
    inbox.snippets.save(Snippet(id=new_id(), name="way", text=text, attachments=(inbox.blobs.add(picture),)))
    (snippet,) = inbox.snippets.all()
    return snippet


# Rule and store


def test_a_snippet_may_have_no_text_where_it_has_files() -> None:
    book = Book()
    silent = replace(WAY, text="")
    book.do(SaveSnippet(silent))
    assert book.all(Snippet) == [silent]
    assert code(book.do(SaveSnippet(replace(silent, attachments=())))) == "bad-text"
    assert code(book.do(SaveSnippet(replace(silent, attachments=(replace(MAP, size=0),))))) == "empty-file"


def test_a_deleted_snippet_keeps_no_files() -> None:
    book = Book()
    book.do(SaveSnippet(WAY))
    book.do(DeleteSnippet(WAY.id))
    assert [(snippet.deleted, snippet.attachments) for snippet in book.all(Snippet)] == [(True, ())]


def test_the_files_of_a_snippet_are_stored_with_it_their_names_made_safe(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    inbox.snippets.save(replace(WAY, attachments=(MAP, replace(MAP, name="red\x1b[31m.png"))))
    (kept,) = inbox.snippets.all()
    assert kept.attachments[0] == MAP
    assert "\x1b" not in kept.attachments[1].name
    inbox.close_store()


def test_a_snippet_goes_to_the_team_once_its_files_are_there(tmp_path: Path, picture: Path) -> None:
    inbox = open_inbox(tmp_path / "data", ())
    (file,) = way_kept(inbox, picture).attachments
    reader = inbox.store.reader
    assert (leaving(inbox), to_send(reader, now_ms())) == ([], [file.sha256])
    inbox.blobs.set_there(file.sha256, there=True)
    assert ([type(command) for command in leaving(inbox)], to_send(reader, now_ms())) == ([SaveSnippet], [])
    inbox.close_store()


def test_a_snippet_whose_file_was_stopped_keeps_back_nothing_but_itself(tmp_path: Path, picture: Path) -> None:
    inbox = open_inbox(tmp_path / "data", ())
    way = way_kept(inbox, picture)
    (file,) = way.attachments
    inbox.blobs.cancel(file.sha256)
    other = Snippet(id=new_id(), name="hours", text="From 7 to 10.")
    inbox.snippets.save(other)
    inbox.snippets.use(way.id)
    inbox.snippets.use(other.id)
    inbox.snippets.delete(way.id)
    assert leaving(inbox) == [SaveSnippet(other), UseSnippet(other.id)]
    inbox.blobs.want(file.sha256)
    inbox.blobs.set_there(file.sha256, there=True)
    assert [type(command) for command in leaving(inbox)] == [
        *(SaveSnippet, SaveSnippet, UseSnippet, UseSnippet, DeleteSnippet)
    ]
    inbox.close_store()


def test_a_name_that_a_waiting_snippet_has_had_is_not_taken_before_it_is_free(tmp_path: Path, picture: Path) -> None:
    inbox = open_inbox(tmp_path / "data", ())
    way = Snippet(id=new_id(), name="Way", text="Here is the way.")
    inbox.snippets.save(way)
    inbox.snippets.save(replace(way, name="path", attachments=(inbox.blobs.add(picture),)))
    inbox.snippets.delete(way.id)
    heir, second = (Snippet(id=new_id(), name=name, text="Follow the river.") for name in ("way", "PATH"))
    inbox.snippets.save(heir)
    inbox.snippets.use(heir.id)
    inbox.snippets.save(second)
    inbox.snippets.save(replace(heir, name="river"))
    third = Snippet(id=new_id(), name="way", text="Along the shore.")
    inbox.snippets.save(third)
    inbox.snippets.save(Snippet(id=new_id(), name="hours", text="From 7 to 10."))
    assert [command.snippet.name for command in leaving(inbox) if isinstance(command, SaveSnippet)] == ["Way", "hours"]
    inbox.close_store()


def leaving(inbox: Inbox) -> list[Command]:
    """The commands that may leave now."""
    return [entry.issued.command for entry in departures.ready(inbox.store.reader, now_ms(), 100)]


def test_the_files_of_a_teammates_snippet_are_fetched_and_refused_until_they_are_here(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    with pytest.raises(RefusedError, match="not here yet"):
        inbox.snippets.fitted(MAP, CHANNEL)
    assert inbox.blobs.state(MAP.sha256).there
    other = replace(WAY, attachments=(replace(MAP, sha256="b" * 64),))
    want_new(inbox.store, [other], now_ms())
    assert inbox.blobs.state("b" * 64).there
    inbox.close_store()


# The shell


def test_a_snippet_is_added_with_files_listed_with_them_and_sent_with_them(tmp_path: Path, picture: Path) -> None:
    desk = Desk(tmp_path / "data")
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("snippets", "add", "way", "Hello $contact.firstname, the way.", "--attach", str(picture))
    (thing,) = desk.objects("snippets", "ls")
    (file,) = thing["attachments"]
    assert (file["name"], file["kind"], file["size"]) == ("map.png", "image", len(PNG))
    assert "[image map.png" in desk.good("snippets", "ls")
    desk.good("send", mai.id, "--snippet", "way")
    sent = desk.objects("show", mai.id)[-1]
    assert (sent["text"], [file["name"] for file in sent["attachments"]]) == ("Hello Mai, the way.", ["map.png"])


def test_a_snippet_of_files_alone_is_sent_without_text(tmp_path: Path, picture: Path) -> None:
    desk = Desk(tmp_path / "data")
    mai = desk.contact("Mai", "Tran", "hello")
    desk.good("snippets", "add", "way", "", "--attach", str(picture))
    desk.good("send", mai.id, "--snippet", "way", "--attach", str(picture))
    sent = desk.objects("show", mai.id)[-1]
    assert (sent["text"], [file["name"] for file in sent["attachments"]]) == ("", ["map.png"])


def test_a_file_that_is_not_there_adds_no_snippet(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    assert "nowhere.png" in desk.refused("snippets", "add", "way", "text", "--attach", str(tmp_path / "nowhere.png"))
    assert desk.objects("snippets", "ls") == []


def test_a_snippet_whose_files_the_channel_does_not_take_is_not_sent(tmp_path: Path, picture: Path) -> None:
    desk = Desk(tmp_path / "data")
    sms = Channel(id=new_id(), kind="sms", name="SMS", text_limit=100, media=media_of("sms"))
    lee = Contact(id=new_id(), first_name="Lee", channel_id=sms.id)
    inbox = desk.open()
    inbox.store.adopt([sms, lee])
    inbox.close_store()
    desk.good("snippets", "add", "way", "text", "--attach", str(picture))
    assert "SMS takes no files" in desk.refused("send", lee.id, "--snippet", "way")
    assert desk.objects("snippets", "ls")[0]["uses"] == 0


# The desk


async def test_taking_a_snippet_puts_its_files_into_the_draft_and_enter_sends_them(
    tmp_path: Path, picture: Path
) -> None:
    inbox = open_inbox(tmp_path / "data")
    mai = contact_named(inbox, "Mai Tran")
    (file,) = way_kept(inbox, picture).attachments
    async with console(inbox) as pilot:
        await press(pilot, "enter", "slash")
        await write(pilot, "map")
        assert "[image map.png" in on_screen(pilot)
        await press(pilot, "enter")
        composer = pilot.app.screen.query_one(Composer)
        await settle_until(pilot, lambda: composer.draft.attachments)
        await settle(pilot)
        assert "image map.png" in on_screen(pilot)
        assert inbox.drafts.read(mai).attachments == (file,)
        await press(pilot, "enter")
        sent = inbox.timeline(mai)[-1].message
        assert (sent.text, sent.attachments) == ("Here is the way.", (file,))


async def test_a_file_that_the_channel_does_not_take_is_told_and_the_text_is_inserted(
    tmp_path: Path, picture: Path
) -> None:
    inbox = open_inbox(tmp_path / "data")
    way_kept(inbox, picture)
    inbox.store.adopt([replace(CHANNEL, media=(MediaRule(FileKind.VIDEO, ("video/*",), 1_000),))])
    async with console(inbox) as pilot:
        await press(pilot, "enter", "slash", "enter")
        composer = pilot.app.screen.query_one(Composer)
        await until_seen(pilot, "does not take map.png")
        assert (composer.draft.text, composer.draft.attachments) == ("Here is the way.", ())
