"""Where links stand in a text. Pure, and quick for a text without any."""

from __future__ import annotations

import re

MOST = 100
"""So many links of one text are looked for."""

# No blanks, quotation marks or angle brackets are part of a link, nor the punctuation of texts in Chinese and Japanese.
_LINK = re.compile(
    r"(?<![A-Za-z0-9_@./:+-])(?:[a-z][a-z0-9+.-]{1,30}://|www\.(?=\w)|mailto:(?=[^\s:])|tel:(?=[+\d(]))"
    r"[^\s<>\"“”„«»‘’`\u3000-\u303f\uff00-\uff0c\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+",
    re.IGNORECASE,
)
# There people go on writing behind a link without a blank.
_WRITTEN_ON = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_AFTER_HOST = re.compile(r"[/?#]")
_CLOSING = {")": "(", "]": "[", "}": "{"}


def find_links(text: str) -> list[tuple[int, int]]:
    """The first and the last place, less one, of each link in a text: of any scheme, whether it is opened or not."""
    if ":" not in text and "www." not in text.casefold():
        return []
    spans: list[tuple[int, int]] = []
    for found in _LINK.finditer(text):
        end = found.start() + len(_trimmed(found[0]))
        if len(spans) < MOST:
            spans.append((found.start(), end))
    return spans


def _trimmed(link: str) -> str:
    """A link without what belongs to the sentence that it stands in."""
    begin = link.find("//") + 2
    path = _AFTER_HOST.search(link, begin)
    if path and (other := _WRITTEN_ON.search(link, path.start())):
        link = link[: other.start()]
    while link:
        last = link[-1]
        if last in ".,;:!?'*_~…|" or (last in _CLOSING and link.count(_CLOSING[last]) < link.count(last)):
            link = link[:-1]
        else:
            break
    return link
