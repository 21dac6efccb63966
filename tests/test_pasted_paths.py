"""Pasted paths: whatever way a terminal writes them they are understood, and plain text never is one."""

from __future__ import annotations

import shlex
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ismsg_tui.domain.pasted import LONGEST, MOST, pasted_paths
from tests.factories import examples

NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="/\0"), min_size=1, max_size=20
).filter(lambda name: name.strip() == name)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
SEVERAL = st.lists(PATHS, min_size=1, max_size=5)
BETWEEN = st.sampled_from([" ", "\n", "\r\n", "  ", " \n"])


def escaped(path: str) -> str:
    """A path with a backslash before everything that a shell might take amiss."""
    return "".join(char if char.isalnum() or char in "/._-" else f"\\{char}" for char in path)


def double_quoted(path: str) -> str:
    """A path in double quotes."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(SEVERAL, BETWEEN)
@example(["/a' \\\\b"], " ")
@settings(max_examples=examples(150))
def test_paths_in_single_quotes_are_understood(paths: list[str], between: str) -> None:
    assert pasted_paths(between.join("'" + path.replace("'", "'\\''") + "'" for path in paths)) == paths


@given(SEVERAL, BETWEEN)
@settings(max_examples=examples(150))
def test_paths_as_a_shell_quotes_them_are_understood(paths: list[str], between: str) -> None:
    assert pasted_paths(between.join(map(shlex.quote, paths))) == paths


@given(SEVERAL, BETWEEN)
@example(["/0 \\"], " ")
@example(['/0" \\'], " ")
@settings(max_examples=examples(150))
def test_paths_in_double_quotes_are_understood(paths: list[str], between: str) -> None:
    assert pasted_paths(between.join(map(double_quoted, paths))) == paths


@given(SEVERAL, BETWEEN)
@example(['/"\\'], " ")
@example(["/ \\"], "\n")
@settings(max_examples=examples(150))
def test_paths_with_backslashes_before_spaces_are_understood(paths: list[str], between: str) -> None:
    assert pasted_paths(between.join(map(escaped, paths)) + " ") == paths


@given(SEVERAL, BETWEEN, st.sampled_from(["file://", "file://localhost", "FILE://"]))
@settings(max_examples=examples(150))
def test_file_addresses_are_understood(paths: list[str], between: str, scheme: str) -> None:
    assert pasted_paths(between.join(scheme + quote(path) for path in paths)) == paths


@given(st.text())
@settings(max_examples=examples(400))
def test_whatever_is_pasted_gives_whole_paths_or_none(text: str) -> None:
    for path in pasted_paths(text):
        assert path.startswith(("/", "~/", "\\\\")) or path[1:2] == ":"
        assert "\0" not in path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "see /etc/hosts",
        "'hello'",
        "https://example.org/cat.png",
        "file://elsewhere/share/cat.png",
        "~ about 30 euros",
        "cat.png",
        "./cat.png",
        "/" + "a" * LONGEST,
        "\n".join(["/a"] * (MOST + 1)),
        "/a\0b",
        "file:///a%00b",
    ],
)
def test_what_is_not_wholly_paths_is_text(text: str) -> None:
    assert pasted_paths(text) == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/home/me/my cat.png", ["/home/me/my cat.png"]),
        ("/home/me/my cat.png\n/home/me/it's.txt", ["/home/me/my cat.png", "/home/me/it's.txt"]),
        ("file:///home/me/it's.txt", ["/home/me/it's.txt"]),
        ("~/Downloads/cat.png", ["~/Downloads/cat.png"]),
        (r"C:\Users\me\cat.png", [r"C:\Users\me\cat.png"]),
        (r'"C:\Users\me\my cat.png"', [r"C:\Users\me\my cat.png"]),
        ("file:///C:/Users/me/cat.png", ["C:/Users/me/cat.png"]),
        ("'/a/b' /c\\ d\n", ["/a/b", "/c d"]),
    ],
)
def test_the_usual_ways_of_terminals(text: str, paths: list[str]) -> None:
    assert pasted_paths(text) == paths
