"""The console's own colours, beside all of Textual's themes."""

from __future__ import annotations

from textual.theme import Theme

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
THEMES = (DARK, LIGHT)
