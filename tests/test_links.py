"""Links in messages: where they stand, where they really lead, and what is opened."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.pilot import Pilot

from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.desktop.opener import OpenError, open_link_by_system
from ismsg_tui.domain.links import MOST, find_links
from ismsg_tui.domain.targets import LONGEST, target_of
from ismsg_tui.domain.text import clean
from ismsg_tui.screens.links_screen import LinksScreen
from ismsg_tui.widgets.timeline import Timeline
from tests.desk_setup import contact_named, on_screen, open_inbox, press, receive, settle
from tests.hostile_desk import TEXTS
from tests.on_screen import HARMFUL, SIZES, assert_screen_is_safe, shown

APPLE = "https://аррӏе.com/login"
"""In Cyrillic letters."""


def links(text: str) -> list[str]:
    return [text[start:end] for start, end in find_links(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no link here: none at all", []),
        ("see https://example.com/a.", ["https://example.com/a"]),
        ("(https://example.com/a_(b)) and www.example.org, ok", ["https://example.com/a_(b)", "www.example.org"]),
        ("“https://example.com/x?y=1&z=2#q”!", ["https://example.com/x?y=1&z=2#q"]),
        ("<http://example.com>", ["http://example.com"]),
        ("请看https://example.com/路径吧。", ["https://example.com/"]),
        ("https://例え.jp/x を見て", ["https://例え.jp/x"]),
        ("mailto:mai@example.org or tel:+44207946000", ["mailto:mai@example.org", "tel:+44207946000"]),
        ("file:///etc/passwd", ["file:///etc/passwd"]),
        ("mai@example.org at 14:00, http: nothing", []),
    ],
)
def test_links_are_found_without_the_sentence_around_them(text: str, found: list[str]) -> None:
    assert links(text) == found


def test_no_more_links_are_found_than_anybody_looks_at() -> None:
    assert len(find_links("https://example.com " * 2 * MOST)) == MOST


@pytest.mark.parametrize(
    ("link", "place", "url"),
    [
        ("https://example.com/a?b=c#d", "example.com", "https://example.com/a?b=c#d"),
        ("www.Example.com", "www.example.com", "https://www.example.com"),
        ("HTTP://EXAMPLE.com:8080/", "example.com:8080", "http://example.com:8080/"),
        ("https://example.com/路?q=é", "example.com", "https://example.com/%E8%B7%AF?q=%C3%A9"),
        ("mailto:mai@example.org?subject=H%C3%A9llo", "mai@example.org", "mailto:mai@example.org?subject=H%C3%A9llo"),
        ("tel:+44 (0)20-7946", "+440207946", "tel:+440207946"),
    ],
)
def test_an_honest_link_leads_where_it_says(link: str, place: str, url: str) -> None:
    target = target_of(link)
    assert (target.place, target.url, target.warnings, target.refusal) == (place, url, (), "")


@pytest.mark.parametrize(
    ("link", "place", "warning"),
    [
        ("https://bank.example@evil.example/", "evil.example", "“bank.example” stands before the @"),
        ("https://evil.example\\@bank.example/", "evil.example", "backslashes"),
        (APPLE, "xn--80ak6aa92e.com", "“аррӏе.com”"),
        ("https://xn--80ak6aa92e.com/", "xn--80ak6aa92e.com", "“аррӏе.com”"),
        ("http://%65vil.example/", "evil.example", "percent signs"),
        ("http://3232235777/", "3232235777", "a number"),
        ("http://0x7f.1/", "0x7f.1", "a number"),
        ("http://[::1]:80/", "[::1]:80", "a number"),
        ("mailto:a@example.org?cc=b@example.org&bcc=c@example.org", "a@example.org", "3 addresses"),
        ("mailto:a@аррӏе.com", "a@xn--80ak6aa92e.com", "“аррӏе.com”"),
    ],
)
def test_a_link_that_pretends_is_seen_through(link: str, place: str, warning: str) -> None:
    target = target_of(link)
    assert target.place == place
    assert place.rpartition("@")[2] in target.url
    assert any(warning in words for words in target.warnings)


@pytest.mark.parametrize(
    "link",
    [
        "javascript://example.com/%0aalert(1)",
        "file:///etc/passwd",
        "ssh://example.com",
        "x-apple.systempreferences://x",
        "https://",
        "https://exa\u200dmple.com/",
        "https://。evil.example",
        "https://[evil.example/",
        "https://example.com:99999/",
        "https://example..com/",
        "https://-oProxyCommand=x/",
        "https://" + "a" * LONGEST,
        "mailto:a@example.org?attach=/etc/passwd",
        "mailto:?subject=x",
        "mailto:a b",
        "tel:*21*0900#",
    ],
)
def test_what_is_no_link_to_a_page_a_mailbox_or_a_telephone_is_not_opened(link: str) -> None:
    target = target_of(link)
    assert target.url == ""
    assert target.refusal.endswith(".")


@given(
    st.text(max_size=80)
    | st.sampled_from(list(TEXTS.values()))
    | st.text(alphabet=string.printable + "аé家.。@:/?#\\%[]", max_size=60).map("https://".__add__)
)
@example(APPLE)
@example("https://\udc9b@\ud83d")
def test_whatever_a_link_is_its_target_is_safe_to_show_and_to_hand_over(text: str) -> None:
    for link in [text, *links(clean(text))]:
        target = target_of(link)
        for shown_text in (target.written, target.place, *target.warnings, target.refusal):
            assert not HARMFUL.search(shown_text)
        assert target.url.isascii()
        assert bool(target.url) != bool(target.refusal)
        if target.url:
            assert target.url.partition(":")[0] in ("http", "https", "mailto", "tel")
            assert target.url.isprintable()
            assert not set(target.url) & set(' "<>\\')
            # What is shown is what is opened: looked at again it says the same.
            assert target_of(target.url).url == target.url
            assert target_of(target.url).place == target.place


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:x", "-version", "https://a b", "https://é.com", ""])
def test_the_opener_itself_takes_nothing_else(url: str) -> None:
    with pytest.raises(OpenError):
        open_link_by_system(url)


def test_the_systems_opener_is_given_the_link_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$#" "$@" > {tmp_path}/given\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    open_link_by_system("https://example.com/?a=$(id);b&c")
    assert (tmp_path / "given").read_text() == "1|https://example.com/?a=$(id);b&c|"
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(OpenError, match="No program was found that shows the link"):
        open_link_by_system("https://example.com/")


# At the desk


class Opened:
    """The system's opener, which only notes what it is asked for."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def __call__(self, url: str) -> None:
        self.urls.append(url)


async def begin(pilot: Pilot[int]) -> Opened:
    app = pilot.app
    assert isinstance(app, IsmsgApp)
    opened = Opened()
    app.desk.link_opener = opened
    await settle(pilot)
    return opened


async def test_a_link_is_opened_after_its_target_was_shown(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    receive(inbox.store, contact_named(inbox, "Mai Tran"), "look: https://example.com/%7Emai?x=1 please")
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(120, 36)) as pilot:
        opened = await begin(pilot)
        await press(pilot, "L")
        assert isinstance(app.screen, LinksScreen)
        assert "https://example.com/%7Emai?x=1" in on_screen(pilot)
        assert opened.urls == []
        await press(pilot, "enter")
        await app.workers.wait_for_complete()
        assert opened.urls == ["https://example.com/%7Emai?x=1"]
        assert "Links · " not in on_screen(pilot)


async def test_a_link_that_pretends_is_opened_when_it_is_asked_for_twice(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    receive(inbox.store, contact_named(inbox, "Mai Tran"), f"your bank: {APPLE}")
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(120, 36)) as pilot:
        opened = await begin(pilot)
        await press(pilot, "L", "enter")
        assert "https://xn--80ak6aa92e.com/login" in on_screen(pilot)
        assert opened.urls == []
        await press(pilot, "enter")
        await app.workers.wait_for_complete()
        assert opened.urls == ["https://xn--80ak6aa92e.com/login"]


async def test_a_link_of_another_kind_is_shown_and_never_opened(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    receive(inbox.store, contact_named(inbox, "Mai Tran"), "file:///etc/passwd")
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(120, 36)) as pilot:
        opened = await begin(pilot)
        await press(pilot, "L", "enter", "enter")
        assert isinstance(app.screen, LinksScreen)
        assert "It is not opened" in on_screen(pilot)
        assert opened.urls == []


async def test_links_stand_newest_first_and_each_once(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    for text in ("https://one.example https://two.example", "www.three.example", "again https://one.example"):
        receive(inbox.store, mai, text)
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(120, 36)) as pilot:
        await begin(pilot)
        await press(pilot, "L")
        lines = on_screen(pilot).splitlines()
        names = ("one.example", "www.three.example", "two.example")
        rows = [next(number for number, line in enumerate(lines) if f" {name} " in line[:60]) for name in names]
        assert rows == sorted(rows)


async def test_a_click_on_a_link_shows_the_links_of_its_message(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path, ("Mai Tran",))
    mai = contact_named(inbox, "Mai Tran")
    receive(inbox.store, mai, f"here: https://{'long-' * 20}name.example/path and www.other.example")
    receive(inbox.store, mai, "https://newer.example")
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(120, 36)) as pilot:
        await begin(pilot)
        timeline = app.desk.query_one(Timeline)
        underlined = [
            (strip_y, piece.text)
            for strip_y, strip in enumerate(app.screen._compositor.render_strips())
            for piece in strip
            if piece.style is not None and piece.style.underline and piece.style.meta.get("links of")
        ]
        assert "".join(text for _, text in underlined).count("long-") == 20
        assert underlined[-1][1] == "https://newer.example"
        y = underlined[1][0] - timeline.region.y
        await pilot.click(timeline, offset=(6, y))
        await settle(pilot)
        assert isinstance(app.screen, LinksScreen)
        text = on_screen(pilot)
        assert "www.other.example" in text
        assert "newer" not in text


async def test_without_links_it_says_so(tmp_path: Path) -> None:
    app = IsmsgApp(open_inbox(tmp_path, ("Mai Tran",)), Config())
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await begin(pilot)
        await press(pilot, "L")
        assert "There are no links in this conversation." in on_screen(pilot)


@pytest.mark.parametrize("size", [size for size in SIZES if size != (1, 1)])
async def test_the_target_is_seen_on_every_screen(size: tuple[int, int]) -> None:
    targets = [target_of("https://bank.example@evil.example/"), target_of("https://" + "é" * 30 + ".example/x")]
    async with shown(LinksScreen("Mai \x1b[31mTran", targets), size) as (app, pilot, _):
        for _ in range(2):
            assert_screen_is_safe(app)
            await pilot.press("down")
        await pilot.press("up")
        assert "evil.example" in "\n".join(strip.text for strip in app.screen._compositor.render_strips())
