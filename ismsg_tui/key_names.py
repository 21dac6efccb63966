"""What keys are called: by Textual, and by people."""

from __future__ import annotations

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _character_to_key, key_to_character

_LABELS = {
    "slash": "/",
    "question_mark": "?",
    "exclamation_mark": "!",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "delete": "Del",
    "backspace": "Backspace",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}
_NAMES = {label: name for name, label in _LABELS.items() if len(label) == 1 and not label.isalpha()}
_MODIFIERS = {"ctrl", "alt", "shift", "super", "hyper", "meta"}
_NAMED_KEYS = {key.value.split("+")[-1] for key in Keys} | set(KEY_NAME_REPLACEMENTS.values())


def key_name(key: str) -> str:
    """A key as Textual names it, from what people write: `?`, `Ctrl+K`, `ctrl+k`, `G`, `PageDown`."""
    *modifiers, last = key.strip().split("+") if key.strip() != "+" else [key.strip()]
    if len(last) == 1:
        name = _NAMES.get(last) or _character_to_key(last)
        name = name.lower() if modifiers and name.isalpha() else name
    else:
        name = {"pgdn": "pagedown", "pgup": "pageup", "esc": "escape"}.get(last.lower(), last.lower())
    return "+".join([*(modifier.strip().lower() for modifier in modifiers), name])


def is_key(name: str) -> bool:
    """Whether Textual may ever report a key of that name."""
    *modifiers, last = name.split("+")
    return _MODIFIERS.issuperset(modifiers) and (last in _NAMED_KEYS or key_to_character(last) is not None)


def types_character(name: str) -> bool:
    """Whether a key types a character."""
    return name in KEY_NAME_REPLACEMENTS.values() or (key_to_character(name) or "\0").isprintable()


def key_label(key: str) -> str:
    """A key's name as people write it: `ctrl+p` is `Ctrl+P`, `question_mark` is `?`, `f1` is `F1`."""
    *modifiers, last = key.split("+")
    shown = _LABELS.get(last, last.upper() if len(last) > 1 or modifiers else last)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])
