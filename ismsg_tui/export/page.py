"""The document in HTML: one page that loads nothing and runs nothing, each text with a direction of its own."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

from ismsg_tui.domain.text import one_line
from ismsg_tui.export.record import Entry, Record, entries, facts
from ismsg_tui.times import local, rfc3339

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; border-bottom: 1px solid; margin: 2rem 0 1rem; }
article { margin: 1rem 0; padding-left: .75rem; border-left: .25rem solid #6e7781; }
article.outgoing { border-color: #0969da; }
article.comment { border-color: #9a6700; border-left-style: dashed; }
.event { margin: 1rem 0; font-style: italic; }
.who, .text, .file, .quote { margin: 0; }
.quote { opacity: .75; }
.who b { margin-right: .5rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; text-align: start; }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode("ascii")
_HTML_HEAD = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width">
<title>{{title}}</title>
<style>{_STYLE.replace("{", "{{").replace("}", "}}")}</style>
</head>
<body>
<main>
<h1>Conversation with <bdi>{{name}}</bdi></h1>
"""


def html_pieces(record: Record) -> Iterator[str]:
    """A title, what is known about the contact, and every line under the heading of its day."""
    name = html.escape(one_line(record.name))
    yield _HTML_HEAD.format(title=f"Conversation with {name}", name=name)
    known = [
        f"<li><bdi>{html.escape(name)}</bdi>: <bdi>{html.escape(value)}</bdi></li>\n" for name, value in facts(record)
    ]
    yield f"<ul>\n{''.join(known)}</ul>\n" if known else ""
    for day, entry in entries(record):
        if day:
            yield f"<h2>{day}</h2>\n"
        yield _article(entry)
    yield "</main>\n</body>\n</html>\n"


def _article(entry: Entry) -> str:
    message = entry.message
    at = f'<time datetime="{rfc3339(message.at)}">{local(message.at):%H:%M}</time>'
    text = html.escape(entry.text)
    if message.event is not None:
        return f'<p class="event">{entry.heading} {at} <bdi>{text}</bdi></p>\n'
    remarks = f" ({html.escape(', '.join(entry.remarks))})" if entry.remarks else ""
    answers = f'<p class="quote">In answer to <bdi>{html.escape(entry.quote)}</bdi></p>\n' if entry.quote else ""
    files = "".join(f'<p class="file">File: <bdi>{html.escape(words)}</bdi></p>\n' for words in entry.files)
    return (
        f'<article class="{message.kind.value}">\n'
        f'<p class="who"><b><bdi>{html.escape(entry.heading)}</bdi></b> {at}{remarks}</p>\n{answers}'
        f'<p class="text" dir="auto">{text}</p>\n{files}</article>\n'
    )
