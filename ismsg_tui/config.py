"""The settings an agent may write into `config.toml`, and where everything lies."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec
import platformdirs

CONFIG_FILE = "config.toml"


class ConfigError(Exception):
    """The configuration file can't be used; the message names the file and what is wrong in it."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting with its default."""

    user: str = ""
    """Who acts in a local workspace; empty: the login name."""
    undo_seconds: float = 5.0
    """How long a message or a closing waits before it leaves, and can be undone; 0 sends at once."""
    ask_after_hours: float = 12.0
    """A message that could not leave for so long is asked about before it does."""
    theme: str = "ismsg-dark"
    """The colour theme of the console."""
    borders: Literal["auto", "unicode", "ascii"] = "auto"
    """What lines and signs are drawn with: `unicode`, `ascii`, or `auto`, which asks the locale."""
    emoji: Literal["picture", "text"] = "picture"
    """How emoji are shown: as the `picture` that they are, or as `text`, such as `:thumbs_up:`."""
    key_set: str = "vim"
    """Which keys to begin with: `vim`, or `plain` without letters that move."""
    keys: dict[str, str] = {}
    """Keys of one's own by action, such as `reply = "r,i"`; docs/keys.md names the actions."""
    microphone: str = ""
    """What voice notes are recorded with, a part of its name; empty: the system's default."""
    speaker: str = ""
    """What sound is played with, a part of its name; empty: the system's default."""
    pictures: Literal["auto", "kitty", "sixel", "blocks", "off"] = "auto"
    """How pictures are drawn: in pixels by the graphics of kitty or as sixels, in half blocks, not at all; `auto`
    chooses by the terminal."""
    suggestions: bool = True
    """Whether a stored reply that fits is offered, dimmed, while one writes."""
    notify: bool = True
    """Whether a message that comes while the terminal is not looked at rings and is announced."""


def data_folder() -> Path:
    """Where the data lies unless the command line says otherwise."""
    return Path(platformdirs.user_data_dir("ismsg", appauthor=False))


def config_file() -> Path:
    """Where the settings are read from: `$ISMSG_CONFIG`, else the platform's folder for settings."""
    chosen = os.environ.get("ISMSG_CONFIG")
    return Path(chosen) if chosen else Path(platformdirs.user_config_dir("ismsg", appauthor=False)) / CONFIG_FILE


def _not_a_choice(given: Mapping[str, object]) -> str:
    """Which setting is none of those there are to choose from, as a sentence; "" if all are."""
    for name, kind in get_type_hints(Config).items():
        *others, last = get_args(kind) or [""]
        if get_origin(kind) is Literal and given.get(name, last) not in (*others, last):
            return f"{name} is “{given[name]}”; it must be {', '.join(others)} or {last}."
    return ""


_UNKNOWN = re.compile(r"unknown field `(.*)`")
_OTHER_KIND = re.compile(r"^Expected `(\w+)`.* at `\$\.(\w+)")
_KINDS = {"float": "a number", "bool": "true or false", "str": "a text in quotes", "object": "a table of its own"}


def _in_words(error: msgspec.DecodeError | UnicodeDecodeError) -> str:
    """What is wrong with the settings, without the words of programs."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text, from byte {error.start + 1} on"
    words = str(error)
    if unknown := _UNKNOWN.search(words):
        return f"there is no setting “{unknown[1]}”"
    if other := _OTHER_KIND.search(words):
        name = f"everything in [{other[2]}]" if "[...]" in words else other[2]
        return f"{name} must be {_KINDS.get(other[1], other[1])}"
    return words


def load_config(path: Path | None = None) -> Config:
    """Read the settings; a file that is not there means defaults. Raises ConfigError."""
    path = path or config_file()
    try:
        given = path.read_bytes()
        if problem := _not_a_choice(msgspec.toml.decode(given)):
            raise ConfigError(f"{path}: {problem}")
        config = msgspec.toml.decode(given, type=Config, strict=False)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise ConfigError(f"Can't read {path}: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {_in_words(error)}. Mend the file, or remove it to use the defaults.") from error
    if not 0 <= config.undo_seconds <= 60:
        raise ConfigError(f"{path}: undo_seconds is {config.undo_seconds}; it must be from 0 to 60.")
    if not 0 < config.ask_after_hours <= 8_760:
        raise ConfigError(f"{path}: ask_after_hours is {config.ask_after_hours}; it must be above 0, up to 8760.")
    return config
