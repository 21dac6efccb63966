"""The console's own colours beside all of Textual's themes, and what makes the text of every one of them readable.

A theme says what its colours are, and not which of them stand on which. `readable` looks at the pairs that the console
paints and moves those that are too much alike apart: text towards black or white, the cursor's ground towards the
theme's surface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

from textual.color import BLACK, WHITE, Color
from textual.theme import Theme

READABLE = 4.5
"""The least contrast of text by WCAG 2.2 (1.4.3)."""
VERY_READABLE = 7.0
"""The least contrast of text by its stricter measure (1.4.6)."""

DARK = Theme(
    name="ismsg-dark",
    dark=True,
    primary="#7aa2c9",
    secondary="#8a93a6",
    accent="#c9a86a",
    foreground="#d5d9e0",
    background="#15181d",
    surface="#1a1e24",
    panel="#232830",
    success="#7fb685",
    warning="#d9a860",
    error="#d97b7b",
    variables={
        "border": "#39414d",
        "border-blurred": "#2b313a",
        "block-cursor-background": "#2c3947",
        "block-cursor-foreground": "#eef1f5",
        "footer-key-foreground": "#7aa2c9",
        "scrollbar": "#39414d",
        "scrollbar-background": "#1a1e24",
    },
)
LIGHT = Theme(
    name="ismsg-light",
    dark=False,
    primary="#2f6496",
    secondary="#5c6675",
    accent="#8a6516",
    foreground="#20252c",
    background="#fafaf7",
    surface="#f3f3ee",
    panel="#e8e8e1",
    success="#2c7038",
    warning="#8f5a06",
    error="#a83232",
    variables={
        "border": "#c4c6bd",
        "border-blurred": "#d9dad2",
        "block-cursor-background": "#d5e0eb",
        "block-cursor-foreground": "#101418",
        "footer-key-foreground": "#2f6496",
        "scrollbar": "#c4c6bd",
        "scrollbar-background": "#f3f3ee",
    },
)
CONTRAST_DARK = Theme(
    name="ismsg-contrast-dark",
    dark=True,
    primary="#7cc4ff",
    secondary="#c8d0dc",
    accent="#ffd24a",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#161616",
    success="#6dff8d",
    warning="#ffc14d",
    error="#ff9a9a",
    variables={
        "border": "#ffffff",
        "border-blurred": "#9a9a9a",
        "block-cursor-background": "#00335c",
        "block-cursor-foreground": "#ffffff",
        "footer-key-foreground": "#7cc4ff",
        "scrollbar": "#b8b8b8",
        "scrollbar-background": "#303030",
    },
)
CONTRAST_LIGHT = Theme(
    name="ismsg-contrast-light",
    dark=False,
    primary="#003a75",
    secondary="#303842",
    accent="#5a3d00",
    foreground="#000000",
    background="#ffffff",
    surface="#ffffff",
    panel="#eeeeee",
    success="#004d14",
    warning="#6b3c00",
    error="#8b0000",
    variables={
        "border": "#000000",
        "border-blurred": "#5a5a5a",
        "block-cursor-background": "#cfe4ff",
        "block-cursor-foreground": "#000000",
        "footer-key-foreground": "#003a75",
        "scrollbar": "#4a4a4a",
        "scrollbar-background": "#d0d0d0",
        # Textual mixes these with black, of which little colour would be left.
        "text-primary": "#00408a",
        "text-accent": "#583800",
        "text-success": "#005213",
        "text-warning": "#6b3600",
        "text-error": "#920000",
    },
)
THEMES = (DARK, LIGHT, CONTRAST_DARK, CONTRAST_LIGHT)
CONTRASTY = frozenset({CONTRAST_DARK.name, CONTRAST_LIGHT.name})
"""The themes whose text keeps to the stricter measure."""

INKS = ("foreground", "text-primary", "text-accent", "text-success", "text-warning", "text-error")
"""The variables in which the console writes wherever it writes."""
SHARES = ("text", "text-muted", "text-disabled")
"""The same as `auto 60%` and its like: as much of black or white as there is said, whatever the ground."""
PLAIN_INKS = ("footer-key-foreground", "foreground-muted")
"""Those in which nothing is written where the cursor is."""
GROUNDS = ("background", "surface", "panel")
"""The variables on which it writes, beside the grounds of comments, cursor and selection."""
COMMENT, COMPOSER = 0.08, 0.12
"""How much of the warning colour lies under a comment in a conversation, and under one that is being written."""

_SPARE = 0.05
"""How much more contrast is aimed at than is asked for, since colours are rounded."""
_CURSOR = 0.22
"""How much of the theme's first colour is in the cursor's ground where the theme's own can't be written on."""
_SELECTION = 0.35
_MUTED = 0.72


def needs_edges(theme: Theme) -> bool:
    """Whether panes can't be told apart by their grounds."""
    return theme.ansi or theme.name in CONTRASTY


def contrast(one: Color, other: Color) -> float:
    """How different two colours are in their lightness, as WCAG reckons it: from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def readable(variables: Mapping[str, str], theme: Theme) -> dict[str, str]:
    """The variables of a theme, those changed whose text could not be read; a terminal's own colours stay."""
    mended = dict(variables)
    if theme.ansi:
        # What the terminal shows for its sixteen colours can't be known, nor mixed: one of them at a time is used,
        # on the terminal's own ground or, reversed, as the ground.
        of_cursor = ("block-cursor-foreground", "block-cursor-background", "block-cursor-blurred-background")
        return mended | dict.fromkeys((*SHARES, "foreground-muted", *of_cursor), "ansi_default")
    goal = (VERY_READABLE if theme.name in CONTRASTY else READABLE) + _SPARE
    away = WHITE if theme.dark else BLACK
    background, surface = Color.parse(mended["background"]), Color.parse(mended["surface"])
    primary, warning = Color.parse(mended["primary"]), Color.parse(mended["warning"])
    plain = [background, surface, Color.parse(mended["panel"])]
    plain += [background.blend(warning, COMMENT), surface.blend(warning, COMPOSER)]
    cursor = background + Color.parse(mended["block-cursor-background"])
    if any(contrast(Color.parse(mended[name]), cursor) < goal for name in INKS):
        cursor = surface.blend(primary, _CURSOR)
    grounds = [*plain, cursor]
    for name in SHARES:
        mended[name] = _share(mended[name], grounds, goal)
    for name in INKS:
        mended[name] = _apart(Color.parse(mended[name]), away, grounds, goal).hex
    foreground = Color.parse(mended["foreground"])
    mended["foreground-muted"] = background.blend(foreground, _MUTED).hex
    for name in PLAIN_INKS:
        mended[name] = _apart(Color.parse(mended[name]), away, plain, goal).hex
    on_cursor = mended["block-cursor-foreground"]
    if on_cursor.startswith("auto") or contrast(Color.parse(on_cursor), cursor) < goal:
        on_cursor = foreground.hex
    selection = _calmed(surface.blend(primary, _SELECTION), surface, foreground, goal)
    return mended | {
        "block-cursor-background": cursor.hex,
        "block-cursor-foreground": on_cursor,
        "block-cursor-blurred-background": cursor.hex,
        "block-cursor-blurred-foreground": on_cursor,
        "input-selection-background": selection.hex,
        "input-selection-foreground": foreground.hex,
        "screen-selection-background": selection.hex,
        "screen-selection-foreground": foreground.hex,
    }


def _steps(fits: Callable[[float], bool]) -> float:
    """The least of some shares from 0 to 1 that fits; 1 where none does."""
    return next((step / 20 for step in range(20) if fits(step / 20)), 1.0)


def _apart(ink: Color, away: Color, grounds: Sequence[Color], goal: float) -> Color:
    """A colour moved towards `away` as far as it has to be, to be read on all of the grounds."""

    def fits(share: float) -> bool:
        moved = ink.blend(away, share)
        return all(contrast(moved, ground) >= goal for ground in grounds)

    return ink.blend(away, _steps(fits))


def _calmed(ground: Color, calm: Color, ink: Color, goal: float) -> Color:
    """A ground moved towards a calmer one until it can be written on."""
    return ground.blend(calm, _steps(lambda share: contrast(ink, ground.blend(calm, share)) >= goal))


def _share(value: str, grounds: Sequence[Color], goal: float) -> str:
    """A value such as `auto 60%`, raised until it can be read on all of the grounds; any other value as it is."""
    word, _, percent = value.partition(" ")
    if word != "auto":
        return value
    least = int(percent.rstrip("%") or 100)

    def worst(share: int) -> float:
        return reduce(min, (contrast(ground + ground.get_contrast_text(share / 100), ground) for ground in grounds))

    return f"auto {next((share for share in range(least, 100, 2) if worst(share) >= goal), 100)}%"
