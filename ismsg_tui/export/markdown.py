"""The document in Markdown: everything that was written is a quotation of plain lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ismsg_tui.domain.text import one_line
from ismsg_tui.export.record import Record, entries, facts
from ismsg_tui.times import local

# Everything that means something anywhere in a line, then what does so only at its beginning.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~&$@^]|(?<=www)\.|:(?=//)", re.IGNORECASE)
_LINE_START = re.compile(r"[-+=:]|\d{1,9}(?=[.)])")


def markdown_pieces(record: Record) -> Iterator[str]:
    """A title, what is known about the contact, and every line under the heading of its day."""
    yield f"# Conversation with {_inline(one_line(record.name))}\n"
    known = [f"- {_inline(name)}: {_inline(value)}\n" for name, value in facts(record)]
    yield "".join(["\n", *known] if known else [])
    for day, entry in entries(record):
        if day:
            yield f"\n## {day}\n"
        at = f"{local(entry.message.at):%H:%M}"
        if entry.message.event is not None:
            yield f"\n*Event* {at} {_inline(entry.text)}\n"
            continue
        remarks = f" ({_inline(', '.join(entry.remarks))})" if entry.remarks else ""
        answers = f"\n*In answer to* {_inline(entry.quote)}\n" if entry.quote else ""
        yield f"\n**{at} {_inline(entry.heading)}**{remarks}\n{answers}\n{_quote(entry.text)}\n"
        yield "".join(f"\n*File* {_inline(words)}\n" for words in entry.files)


def _inline(text: str) -> str:
    """One line of text within a line of Markdown."""
    return _MARKUP.sub(lambda found: "\\" + found[0], text)


def _quote(text: str) -> str:
    """Lines of text as a quotation in Markdown, each on a line of its own."""
    quoted: list[str] = []
    lines = [_line(line) for line in text.strip("\n").split("\n")]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        end = "\\" if line and below else ""  # or they would run together
        quoted.append(f"> {line}{end}".rstrip(" "))
    return "\n".join(quoted)


def _line(line: str) -> str:
    line = line.rstrip()  # what shows nothing is a blank line, after which a broken line would show its backslash
    bare = line.lstrip(" \t")
    indent = line[: len(line) - len(bare)]
    if indent:  # which would be lost, or make it code
        indent = f"&#{ord(indent[0])};{indent[1:]}"
    escaped = _inline(bare)
    found = _LINE_START.match(bare)
    if found and not indent:
        escaped = f"\\{escaped}" if not found[0].isdigit() else f"{found[0]}\\{escaped[found.end() :]}"
    return indent + escaped
