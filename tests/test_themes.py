"""Text can be read in every theme that is offered, the console's own and Textual's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.pilot import Pilot
from textual.theme import BUILTIN_THEMES, Theme

from ismsg_tui.app import IsmsgApp
from ismsg_tui.config import Config
from ismsg_tui.screens.dialog import Dialog
from ismsg_tui.themes import (
    COMMENT,
    COMPOSER,
    CONTRASTY,
    GROUNDS,
    INKS,
    PLAIN_INKS,
    READABLE,
    SHARES,
    THEMES,
    VERY_READABLE,
    readable,
)
from tests.desk_setup import add_snippets, contact_named, open_inbox, press, receive, settle
from tests.factories import BEN, examples

LINES = " ─═│║╭╮╰╯▌▎▁▂▃▄▅▆▇█▔▀"
"""What is drawn and not read."""

OFFERED = {**{theme.name: theme for theme in THEMES}, **BUILTIN_THEMES}
COLOURED = [theme for theme in OFFERED.values() if not theme.ansi]
"""All but those that leave the colours to the terminal, which may have any."""

each_theme = pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: str(theme.name))


def luminance(color: Color) -> float:
    """How light a colour is, as WCAG reckons it."""
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Color, other: Color) -> float:
    """From 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def needed(name: str) -> float:
    """The least contrast of text in a theme."""
    return VERY_READABLE if name in CONTRASTY else READABLE


def colours(theme: Theme) -> dict[str, str]:
    """The variables of a theme as the console has them."""
    app: App[None] = App()
    app.register_theme(theme)
    app.theme = theme.name
    return readable(app.get_css_variables(), theme)


def seen(value: str, ground: Color) -> Color:
    """A colour of a theme as it is seen on another; “auto 60%” is black or white, as much of it as is said."""
    if value.startswith("auto"):
        return ground + ground.get_contrast_text(float(value.split()[1].rstrip("%")) / 100)
    return ground + Color.parse(value)


def test_all_themes_of_textual_are_offered_and_four_of_our_own(tmp_path: Path) -> None:
    app = IsmsgApp(open_inbox(tmp_path), Config())
    assert set(app.available_themes) == set(OFFERED)
    assert {theme.dark for theme in THEMES if theme.name in CONTRASTY} == {True, False}


@each_theme
def test_every_colour_for_text_can_be_read_wherever_it_stands(theme: Theme) -> None:
    variables, least = colours(theme), needed(theme.name)
    grounds = {name: Color.parse(variables[name]) for name in GROUNDS}
    warning = Color.parse(variables["warning"])
    grounds["a comment"] = grounds["background"].blend(warning, COMMENT)
    grounds["a comment being written"] = grounds["surface"].blend(warning, COMPOSER)
    cursor = {"the cursor": Color.parse(variables["block-cursor-background"])}
    selection = {"the selection": Color.parse(variables["screen-selection-background"])}
    assert set(INKS) > {"foreground", "text-success"}
    pairs = [(name, *ground) for name in (*INKS, *SHARES) for ground in (grounds | cursor).items()]
    pairs += [(name, *ground) for name in PLAIN_INKS for ground in grounds.items()]
    pairs += [("block-cursor-foreground", *ground) for ground in cursor.items()]
    pairs += [("screen-selection-foreground", *ground) for ground in selection.items()]
    assert {
        (name, where): round(contrast(seen(variables[name], ground), ground), 2)
        for name, where, ground in pairs
        if contrast(seen(variables[name], ground), ground) < least
    } == {}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: str(theme.name))
def test_our_own_themes_say_their_colours_themselves(theme: Theme) -> None:
    app: App[None] = App()
    app.register_theme(theme)
    app.theme = theme.name
    given = app.get_css_variables()
    mended = readable(given, theme)
    assert {name for name in INKS if given[name].lower() != mended[name].lower()} == set()
    assert mended["block-cursor-background"].lower() == theme.variables["block-cursor-background"]


def written(app: IsmsgApp) -> Iterator[Segment]:
    """The words on the screen; of a dialog, those in its frame."""
    screen = app.screen
    region = screen.query_one("#frame").region if isinstance(screen, Dialog) else screen.region
    for strip in screen._compositor.render_strips()[region.y : region.bottom]:
        yield from (segment for segment in strip.crop(region.x, region.right) if segment.text.strip(LINES))


def unreadable(app: IsmsgApp) -> list[str]:
    """What the screen shows in colours that are too much alike."""
    least = needed(app.theme)
    return [f"{app.theme}: {segment.text!r}" for segment in written(app) if not is_readable(segment, least)]


def is_readable(segment: Segment, least: float) -> bool:
    """Whether the colours of a piece of the screen are different enough."""
    style = segment.style
    if style is None or style.color is None or style.bgcolor is None:
        return False
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)) >= least


async def in_every_theme(pilot: Pilot[int], themes: list[str], look: Callable[[IsmsgApp], list[str]]) -> list[str]:
    """What a look at the screen finds, theme by theme."""
    app, found = pilot.app, []
    assert isinstance(app, IsmsgApp)
    for name in themes:
        app.theme = name
        await pilot.pause()
        found += look(app)
    return found


async def write_comment(pilot: Pilot[int]) -> None:
    await press(pilot, "2", "j", "m")
    await pilot.press(*"hello", "space", "colon", *"smi")
    await settle(pilot)


async def tell_notices(pilot: Pilot[int]) -> None:
    for severity in ("information", "warning", "error"):
        pilot.app.notify("Something is to be said.", title="Heard", severity=severity)
    await pilot.pause()


async def select_text(pilot: Pilot[int]) -> None:
    timeline = pilot.app.screen.query_one("#timeline")
    await pilot.mouse_down(timeline, offset=(1, 1))
    await pilot.hover(timeline, offset=(40, 12))
    await pilot.mouse_up(timeline, offset=(40, 12))
    await pilot.pause()


def keys(*names: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    return lambda pilot: press(pilot, *names)


SCENES: dict[str, Callable[[Pilot[int]], Awaitable[None]]] = {
    "a reply": keys("2", "j", "r", "h", "i"),
    "a comment with suggestions": write_comment,
    "snippets": keys("f2", "down"),
    "keys": keys("f1"),
    "closing": keys("c", "down"),
    "snoozing": keys("s"),
    "searching": keys("slash", "e", "l", "l", "o"),
    "the tour": keys("f4", "enter"),
    "links": keys("G", "L"),
    "notices": tell_notices,
    "a selection": select_text,
    "commands": keys("ctrl+p", "down"),
}


def hidden(app: IsmsgApp) -> list[str]:
    """What is written in one of the terminal's colours on another, or on the same."""
    return [
        f"{app.theme}: {text!r} {style}"
        for text, style, _ in written(app)
        if style is not None and style.color is not None and style.bgcolor is not None
        if not style.bgcolor.is_default and not style.color.is_default
    ]


@pytest.mark.parametrize("scene", SCENES)
async def test_what_is_painted_can_be_read_in_every_theme_and_in_the_terminals_own_colours(
    tmp_path: Path, scene: str
) -> None:
    inbox = open_inbox(tmp_path)
    add_snippets(inbox)
    mai, omar = contact_named(inbox, "Mai Tran"), contact_named(inbox, "Omar Haddad")
    inbox.reply(mai, "good morning")
    inbox.comment(mai, "tell @Ben Okoye of https://example.com")
    inbox.assign(omar, BEN.id)
    receive(inbox.store, contact_named(inbox, "Lena Fischer"), "https://a@example.com and file:///x")
    app = IsmsgApp(inbox, Config())
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await settle(pilot)
        await SCENES[scene](pilot)
        # Each scene in a third of the themes, and each theme in a third of the scenes: all of it takes minutes.
        first, every = list(SCENES).index(scene) % 3, 3 if examples(2) <= 2 else 1
        assert await in_every_theme(pilot, [theme.name for theme in COLOURED[first % every :: every]], unreadable) == []
        assert await in_every_theme(pilot, ["ansi-dark", "ansi-light"], hidden) == []
