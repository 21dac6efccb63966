"""Which stored reply fits what a contact has just said, if any: by the words they share, in whatever language.

What words mean is not known here. A reply fits where somebody says, in so many words, what the reply is called; or
where most of what is said stands in the reply's text. Everything else would be a guess, and a wrong one costs more than
none.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import ceil, log1p
from typing import NamedTuple

from ismsg_tui.domain.entities import Snippet
from ismsg_tui.domain.search_text import search_form
from ismsg_tui.domain.snippets import without_blanks

_READ = 2_000
"""How much of a text is looked at, in characters."""
_LONG = 4
"""Letters from which on a word tells something; shorter ones are in every sentence."""
_RUN = 4
"""Characters that are taken together where they are written without spaces and are no words themselves."""
_OF_NAME = 0.5
"""The share of a reply's name that has to be said."""
_OF_SENTENCE = 0.25
"""The share of the sentence that this has to be."""
_OF_TEXT = 0.5
"""The share of all that is said that has to stand in a reply's text, where its name is not said."""
_TELLING = 3
"""How many of these words must be ones that few replies hold."""
_FEW = 0.05

_IDEOGRAPH = re.compile(
    "[\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003fffd]"
)
"""Characters of which two already make a word: Han, Hangul, and katakana, which writes nouns."""
_PIECE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u309f]")
"""Characters of other scripts without spaces: Thai, Lao, Burmese, Khmer, hiragana."""
_SENTENCE = re.compile(r"([^.!?…\n。，、！？؟।]+)([^\w\s]*)")
"""A sentence and what ends it."""
_ASKS = re.compile(r"[?？؟]")


def _words(text: str) -> Iterator[str]:
    """The words of a text that may tell something; scripts without spaces in overlapping pieces."""
    for word in search_form(text[:_READ]).split():
        if "·" not in word:
            if not word.isdigit():
                yield word
            continue
        run = "".join(char for char in word.split("·") if char.isalpha() or not char.isascii())
        for at in range(len(run) - 1):
            if _IDEOGRAPH.match(run[at]) and _IDEOGRAPH.match(run[at + 1]):
                yield run[at : at + 2]
        for at in range(len(run) - _RUN + 1):
            if not _IDEOGRAPH.search(run[at : at + _RUN]):
                yield run[at : at + _RUN]


def _telling(text: str) -> list[str]:
    """The words of a text that are long enough to tell something, once each, in their order."""
    return list(dict.fromkeys(word for word in _words(text) if len(word) >= _LONG or _IDEOGRAPH.match(word)))


def _share(word: str) -> float:
    """What a word counts where it is part of a name: a piece of several, less than a word."""
    return 1 / _RUN if _PIECE.match(word) else 1.0


def _length(word: str) -> float:
    """What a word counts where it is part of a sentence: pieces overlap, so that there are more of them than words."""
    return 0.5 if _IDEOGRAPH.match(word) else _share(word)


def _alike(one: str, other: str) -> bool:
    """Whether two words are the same but for their endings."""
    if one == other:
        return True
    start = max(_LONG, ceil(0.6 * max(len(one), len(other))))
    return min(len(one), len(other)) >= start and one[:start] == other[:start]


class _Forms(NamedTuple):
    """A reply as it is compared."""

    name: tuple[str, ...]
    every: frozenset[str]
    """The words of its name, topic and text."""


@lru_cache(maxsize=8_192)
def _forms(name: str, topic: str, text: str) -> _Forms:
    title = name.replace("_", " ")
    words = _telling(title)
    if not words:  # a name of one short word, such as “vat”, can only mean itself
        words = [word for word in _words(title) if len(word) == _LONG - 1][:1]
    return _Forms(tuple(words), frozenset([*words, *_telling(f"{topic}\n{without_blanks(text)}")]))


class Suggestions:
    """The stored replies of a workspace, made ready to be asked often."""

    def __init__(self, snippets: Sequence[Snippet]) -> None:
        self._snippets = snippets
        self._forms = [_forms(snippet.name, snippet.topic, snippet.text) for snippet in snippets]
        held_by = Counter(word for forms in self._forms for word in forms.every)
        naming = Counter(word for forms in self._forms for word in forms.name)
        few = max(2, len(snippets) * _FEW)
        self._named: dict[str, list[int]] = defaultdict(list)
        """The replies by the beginnings of the words in their names."""
        self._holding: dict[str, list[int]] = defaultdict(list)
        """The replies by the words that few of them hold."""
        for index, forms in enumerate(self._forms):
            for start in {word[:_LONG] for word in forms.name if naming[word] <= few}:
                self._named[start].append(index)
            for word in forms.every:
                if held_by[word] <= few:
                    self._holding[word].append(index)

    def best(self, heard: str, language: str = "") -> Snippet | None:
        """The reply that fits what was heard; None where none does.

        `language` is the contact's: replies that are said to be in another one do not fit.
        """
        heard = heard[-_READ:]
        said = _telling(heard)
        scores = self._by_name(heard) or self._by_text(said)
        fitting = [index for index in scores if _may_be(self._snippets[index].language, language)]

        def fit(index: int) -> tuple[float, int]:
            shared = sum(word in self._forms[index].every for word in said) / max(1, len(said))
            return scores[index] + shared + log1p(self._snippets[index].uses) / 50, -index

        return self._snippets[max(fitting, key=fit)] if fitting else None

    def _by_name(self, heard: str) -> dict[int, float]:
        """How much of a name is said, and how much of a sentence that is, by the number of the reply."""
        scores: dict[int, float] = {}
        sentences = [(found[1], found[2]) for found in _SENTENCE.finditer(heard) if not found[1].isspace()]
        for place, (sentence, end) in enumerate(sentences):
            words = list(dict.fromkeys(_words(sentence)))
            told = max(1.0, sum(map(_length, _telling(sentence))))
            # Who says hello and goes on waits for no hello.
            greets = place == 0 and len(sentences) > 1 and not _ASKS.search(end)
            for index in {index for word in words for index in self._named.get(word[:_LONG], ())}:
                name = self._forms[index].name
                said = sum(_share(word) for word in words if any(_alike(word, own) for own in name))
                of_name = sum(any(_alike(word, own) for word in words) for own in name) / len(name)
                of_sentence = min(1.0, said / told)
                if of_name >= _OF_NAME and of_sentence >= _OF_SENTENCE and not (greets and of_sentence == 1):
                    scores[index] = max(scores.get(index, 0.0), of_name + of_sentence)
        return scores

    def _by_text(self, said: Sequence[str]) -> dict[int, float]:
        """How much of what is said stands in the text of a reply, by its number."""
        telling = Counter(index for word in said if _tells(word) for index in self._holding.get(word, ()))
        scores = {
            index: sum(word in self._forms[index].every for word in said) / len(said)
            for index, count in telling.items()
            if count >= _TELLING
        }
        return {index: share for index, share in scores.items() if share >= _OF_TEXT}


def _tells(word: str) -> bool:
    """Whether a word is one, and no piece of a sentence in a script without spaces."""
    return bool(_IDEOGRAPH.match(word)) or not _PIECE.match(word)


def _may_be(one: str, other: str) -> bool:
    """Whether two languages may be the same, as far as codes such as `en` and `en-GB` tell."""
    first, second = (re.split(r"[-_]", code.strip().casefold())[0] for code in (one, other))
    return first == second or not (1 < len(first) < _LONG and 1 < len(second) < _LONG)
