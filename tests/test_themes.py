"""The console's colours can be read, and it runs in every theme that Textual has."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import Segment
from textual.color import Color
from textual.theme import Theme

from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.themes import THEMES
from tests.desk_setup import add_snippets, console, contact_named, open_inbox, press, settle
from tests.factories import BEN

READABLE = 4.5
"""The least contrast of text that WCAG 2.2 asks for (1.4.3)."""

LINES = " ─═│║╭╮╰╯▌▎▁▂▃▄▅▆▇█▔"
"""What is drawn and not read."""

each_theme = pytest.mark.parametrize("theme", THEMES, ids=lambda theme: str(theme.name))


def luminance(color: Color) -> float:
    """How light a colour is, as WCAG reckons it."""
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Color, other: Color) -> float:
    """From 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def on(behind: Color, value: str) -> Color:
    """A colour of a theme as it is seen on another; “auto 60%” is black or white, as much of it as is said."""
    if value.startswith("auto"):
        return behind + behind.get_contrast_text(float(value.split()[1].rstrip("%")) / 100)
    return behind + Color.parse(value)


@each_theme
@pytest.mark.parametrize(
    "text",
    [
        "foreground",
        "text",
        "text-muted",
        "text-primary",
        "text-accent",
        "text-success",
        "text-warning",
        "text-error",
        "footer-key-foreground",
    ],
)
def test_every_colour_for_text_can_be_read_wherever_text_stands(theme: Theme, text: str) -> None:
    colors = theme.to_color_system().generate() | theme.variables
    for behind in ("background", "surface", "panel", "block-cursor-background"):
        ground = Color.parse(colors[behind])
        if (text, behind) != ("footer-key-foreground", "block-cursor-background"):  # no keys are shown there
            assert contrast(on(ground, colors[text]), ground) >= READABLE, behind
    cursor = Color.parse(colors["block-cursor-background"])
    assert contrast(Color.parse(colors["block-cursor-foreground"]), cursor) >= READABLE


def unreadable(app: IsmsgApp) -> list[str]:
    """What the screen shows in colours that are too much alike; of a dialog, what stands in its frame."""
    region = app.screen.query_one("#frame").region if isinstance(app.screen, Dialog) else app.screen.region
    strips = app.screen._compositor.render_strips()[region.y : region.bottom]
    return [
        segment.text
        for strip in strips
        for segment in strip.crop(region.x, region.right)
        if segment.text.strip(LINES) and not is_readable(segment)
    ]


def is_readable(segment: Segment) -> bool:
    """Whether the colours of a piece of the screen are different enough."""
    style = segment.style
    if style is None or style.color is None or style.bgcolor is None:
        return False
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)) >= READABLE


@each_theme
async def test_everything_that_is_painted_can_be_read(tmp_path: Path, theme: Theme) -> None:
    inbox = open_inbox(tmp_path)
    add_snippets(inbox)
    mai, omar = contact_named(inbox, "Mai Tran"), contact_named(inbox, "Omar Haddad")
    inbox.reply(mai, "good morning")
    inbox.comment(mai, "tell @Ben Okoye")
    inbox.assign(omar, BEN.id)
    app = IsmsgApp(inbox, Config(theme=theme.name))
    async with app.run_test(size=(160, 45)) as pilot:
        await settle(pilot)
        assert app.theme == theme.name
        assert unreadable(app) == []
        for key in ("2", "j", "r"):
            await press(pilot, key)
            assert unreadable(app) == []
        await pilot.press(*"hello", "space", "colon", *"smi")
        await settle(pilot)
        assert unreadable(app) == []
        await press(pilot, "escape", "ctrl+n")
        assert unreadable(app) == []
        await press(pilot, "escape")
        for key in ("f2", "f1", "a", "c", "s", "slash"):
            await press(pilot, key)
            assert isinstance(app.screen, Dialog)
            assert unreadable(app) == [], key
            await press(pilot, "escape")


async def test_the_console_runs_in_every_theme(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path)
    inbox.comment(contact_named(inbox, "Mai Tran"), "a note")
    async with console(inbox) as pilot:
        for name in pilot.app.available_themes:
            pilot.app.theme = name
            await pilot.pause()
            text = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
            assert "hello, this is Mai" in text, name
