"""Text from outside: what reaches the terminal, file names, and a search that finds words of every script."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ismsg_tui.domain.search_text import find_spans, match_query, search_form
from ismsg_tui.domain.text import MAX_FILE_NAME, MAX_MARKS, clean, file_name, one_line

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        import pysqlite3.dbapi2 as sqlite3
    except ImportError:
        import sqlite3

DATA = Path(__file__).parents[2] / "shared" / "data"
HARD = (
    {line["name"]: line for line in map(json.loads, (DATA / "hard-text.jsonl").read_text().splitlines())}
    if (DATA / "hard-text.jsonl").exists()
    else {}
)
each_hard_text = pytest.mark.parametrize("text", [pytest.param(line["text"], id=name) for name, line in HARD.items()])

HARMFUL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\ufffb]"
    r"|[\ufffe\uffff\U000e0001-\U000e001f]"
)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
TRAPS = (
    "\x1b\x9b\x9d\x90\x9c\x07[]P\\;0m\r\n\t a\u0301\u0323\u0308\ufe0f\u200d\u200b\ud83d\ude00\u202e\U000e0067\U0001f3f4"
)
anything = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=())),
    st.text(st.sampled_from(TRAPS)),
    st.text(st.characters(categories=("Mn", "Mc", "Me", "Cf", "Cs", "Cc", "Lo"))),
)


def assert_safe(text: str) -> None:
    assert not HARMFUL.search(text)
    assert text.encode()
    assert unicodedata.is_normalized("NFC", text)
    assert clean(text) is text


# What reaches the terminal


@each_hard_text
def test_a_hard_text_is_safe_once_clean(text: str) -> None:
    cleaned = clean(text)
    assert_safe(cleaned + ".")


@given(anything)
@example("\x1b]0;title\ud83d")
@example("e\u0323\u200b\u0301\u202e\u0308")
@example("\U0001f3f4\u200b\U000e0067")
@example("x\ufe0f\u200b\ufe0f")
def test_any_text_is_safe_once_clean_and_cleaning_again_changes_nothing(text: str) -> None:
    assert_safe(clean(text) + ".")


@pytest.mark.parametrize("category", ["brahmic", "cjk", "markup", "layout", "combining", "width"])
def test_harmless_texts_keep_all_they_say(category: str) -> None:
    exceptions = {"zalgo_short", "zalgo_200", "long_10k_zwsp"}
    texts = [line["text"] for name, line in HARD.items() if line["cat"] == category and name not in exceptions]
    if not texts:
        pytest.skip("no data")
    for text in texts:
        assert clean(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain\n\ttext",
        "สวัสดีค่ะ ขอเปลี่ยนที่อยู่จัดส่งได้ไหมคะ",
        "مرحبا، لم يصلني الطلب",
        "می\u200cخواهم",
        "a\u200eb\u200fc",
        FAMILY,
        ENGLAND,
        "❤\ufe0f\u200d🔥 1\ufe0f\u20e3",
        "1\u00a0000\u202f000 €",
        "\ue0b0 \ufffd \ufffc",
        '{"a": "\\u001b[31m"}',
    ],
)
def test_fine_text_comes_back_as_the_same_object(text: str) -> None:
    assert clean(text) is text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b]52;c;Y3VybA==\x07b", "ab"),
        ("a\x1b]52;c;Y3VybA==\x1b\\b", "ab"),
        ("a\x1b]8;;https://evil.example/\x1b\\https://bank.example/\x1b]8;;\x1b\\b", "ahttps://bank.example/b"),
        ("a\x1b]0;never ends\nthe next line", "a\nthe next line"),
        ("a\x1b]0;never ends\rthe next line", "a\nthe next line"),
        ("a\x1b]0;title\x1b[31mred", "ared"),
        ("a\x1bPtmux;\x1b\x1b]52;c;Y3VybA==\x07\x1b\\b", "ab"),
        ("a\x1bP$q\nb", "a\nb"),
        ("a\x1b_Ga=T;L2V0Yw==\x1b\\b\x1b^p\x1b\\c\x1bXs\x1b\\d", "abcd"),
        ("\x1b[38;2;255;0;0m\x1b[48:2::0:0:255mx\x1b[0m", "x"),
        ("tail \x1b[", "tail "),
        ("tail \x1b", "tail "),
        ("\x1b\x1b[A", ""),
        ("\x1bc\x1b#3BIG\x1b(0lqk\x1b(B", "BIGlqk"),
        ("\x9b31mred\x9b0m", "red"),
        ("a\x9d0;title\x07b\x90q\x9cc\x9fGx\x1b\\d", "abcd"),
        ("wrong encoding \x9d stays\x90 whole", "wrong encoding  stays whole"),
        ("one\r\ntwo\rthree\x85four\x0bfive\x0csix\u2028seven\u2029", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"),
        ("\x00a\x08\x7f\tb\x0e", "a\tb"),
        ("invoice\u202egpj.exe\u2066\u2069", "invoicegpj.exe"),
        ("\ufeffsoft\u00adhy\u200bphen\u2060s\u206a", "softhyphens"),
        ("\ufff9a\ufffab\ufffb", "ab"),
        ("hi" + "".join(chr(0xE0020 + at) for at in range(40)), "hi"),
        ("\U0001f3f4\U000e0067\U000e0062 cut", "\U0001f3f4 cut"),
        ("x" + "\ufe0f" * 50 + "y", "x\ufe0fy"),
        ("hi" + "".join(chr(0xE0100 + at) for at in range(200)), "hi\U000e0100"),
        ("bad \ud800 and \udfff", "bad \ufffd and \ufffd"),
        ("halves \ud83d\ude00 meet", "halves 😀 meet"),
        ("\ufdd0\uffff\U0010ffff", "\ufffd\ufffd\ufffd"),
        ("Tie\u0302\u0301ng Vie\u0323\u0302t", "Ti\u1ebfng Vi\u1ec7t"),
        ("e" + "\u0334" * 500 + "f", "e" + "\u0334" * MAX_MARKS + "f"),
        ("\U0001f4a9" * 9 + "\u20dd\u200d" * 50, "\U0001f4a9" * 9 + "\u20dd\u200d" * (MAX_MARKS // 2)),
    ],
)
def test_what_could_harm_is_taken_out_and_the_rest_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text("ab😀", min_size=1), st.text(st.characters(categories=("Mn", "Me", "Mc", "Cf")), max_size=40))
def test_no_character_carries_more_marks_than_the_limit(before: str, marks: str) -> None:
    kinds = "".join(unicodedata.category(char)[0] for char in clean(f"{before}{marks}z"))
    assert not re.search(f"[MC]{{{MAX_MARKS + 1}}}", kinds)


# One line


@each_hard_text
@pytest.mark.parametrize("limit", [1, 20, 200])
def test_a_hard_text_makes_one_safe_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert_safe(line + ".")
    assert len(line) <= limit
    assert line == " ".join(line.split())


@given(anything, st.integers(0, 40))
def test_any_text_makes_one_safe_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert_safe(line + ".")
    assert len(line) <= limit
    assert "\n" not in line
    assert "\t" not in line


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("  one\r\n\n two\tthree\u3000four ", 200, "one two three four"),
        ("abcdef", 4, "abcd"),
        ("abc def", 4, "abc"),
        ("abc" + FAMILY, 6, "abc"),
        ("ab👍🏽", 3, "ab"),
        ("🇹🇭🇻🇳🇯🇵", 3, "🇹🇭"),
        ("ที่นี่", 4, "ที่"),
        ("cafe\u0323\u0301s", 4, "caf"),
        ("\u3164\u3164", 200, ""),
        ("\u200e\u200d", 200, ""),
        ("\x1b]0;x\x07" * 500 + "end", 10, "end"),
        ("word " * 1_000_000, 9, "word word"),
        (" " * 1_000_000 + "too far to look", 200, ""),
    ],
)
def test_one_line_folds_white_space_and_cuts_between_graphemes(text: str, limit: int, expected: str) -> None:
    assert one_line(text, limit) == expected


# File names


def assert_file_name(name: str) -> None:
    assert_safe(name + ".")
    assert name.strip(" .") not in ("", "con")
    assert not re.search(r'[/\\<>:"|?*\n\t\u200e\u200f]', name)
    assert not name.startswith((".", "-", "~", " "))
    assert len(name) <= MAX_FILE_NAME
    assert len(name.encode()) <= 240


@each_hard_text
def test_a_hard_text_makes_a_file_name(text: str) -> None:
    assert_file_name(file_name(text))


@given(anything)
def test_any_text_makes_a_file_name(text: str) -> None:
    assert_file_name(file_name(text))


@given(st.from_regex(r"[^\W_]{0,300}\.[a-z]{1,5}", fullmatch=True))
def test_a_file_with_any_name_can_be_saved(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / file_name(name)
    path.write_bytes(b"saved")
    assert path.read_bytes() == b"saved"
    path.unlink()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ann\\Фото 1.jpg", "Фото 1.jpg"),
        ("folder/", "folder"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("in\u202evoice\x1b[2J\n<>?.pdf", "invoice _.pdf"),
        ("", "file"),
        ("..", "file"),
        ("/", "file"),
        ("\u200d\u200d", "file"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("NUL.txt", "_NUL.txt"),
        ("report. ", "report"),
        ("a" * 500 + ".tar", "a" * 196 + ".tar"),
        ("ก" * 100 + ".jpeg", "ก" * 78 + ".jpeg"),
        ("รายงาน.pdf", "รายงาน.pdf"),
        ("no." + "x" * 50, "no." + "x" * 50),
    ],
)
def test_a_file_name_is_the_last_part_of_a_path_and_fit_to_save(name: str, expected: str) -> None:
    assert file_name(name) == expected


# Search

LETTERS = "abcdzéñßłøĐŐİабвёйжαβάςابتثأآىةکאבגד1239"
APART = "退款订单发票あいがカガー々สวดีคะ่ำ้ຂອບໃຈខ្មែរမြန်မာ환불주문😀🔥"
words = st.text(st.sampled_from(LETTERS + APART), min_size=1, max_size=12).map(clean)
letter_words = st.text(st.sampled_from(LETTERS), min_size=2, max_size=12)
separators = st.sampled_from([" ", "\n", ", ", "。", "/", "...", " - "])


class Index:
    """A real FTS5 trigram table."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        connection.execute("CREATE VIRTUAL TABLE message USING fts5(body, tokenize='trigram')")

    def finds(self, query: str, text: str) -> bool:
        """Whether `query` finds `text` and leaves alone a message of other words."""
        expression = match_query(query)
        assert expression is not None
        self.connection.execute("DELETE FROM message")
        self.connection.executemany(
            "INSERT INTO message(rowid, body) VALUES (?, ?)", [(1, search_form(text)), (2, search_form("~~ ~~"))]
        )
        rows = self.connection.execute("SELECT rowid FROM message WHERE message MATCH ?", [expression]).fetchall()
        assert rows in ([], [(1,)])
        return bool(rows)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    connection = sqlite3.connect(tmp_path_factory.mktemp("search") / "search.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    yield Index(connection)
    connection.close()


@given(st.lists(st.tuples(words, separators), min_size=1, max_size=5), st.data())
def test_any_part_of_what_was_written_is_found_and_marked(
    index: Index, parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    text = "".join(word + separator for word, separator in parts)
    word = data.draw(st.sampled_from(parts))[0]
    start = data.draw(st.integers(0, len(word) - 1))
    query = word[start : data.draw(st.integers(start + 1, len(word)))]
    if len(query) >= 3 or set(query) - set(LETTERS):
        assert index.finds(query, text)
        assert any(start < end for start, end in find_spans(text, query))


@given(st.lists(st.tuples(letter_words, separators), min_size=1, max_size=5), st.data())
def test_two_letters_are_found_at_either_end_of_a_word(
    index: Index, parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    text = "".join(word + separator for word, separator in parts)
    word = data.draw(st.sampled_from(parts))[0]
    assert index.finds(word[:2], text)
    assert index.finds(word[-2:], text)
    assert index.finds(word.upper(), text)


@given(anything, anything)
def test_no_search_is_a_syntax_error_and_every_text_finds_itself(index: Index, text: str, other: str) -> None:
    for query in (text, other):
        if match_query(query) is not None:
            index.finds(query, other)
    cleaned = clean(text)
    assert match_query(cleaned) is None or index.finds(cleaned, cleaned)
    assert not HARMFUL.search(search_form(text))


@each_hard_text
def test_a_hard_text_is_searched_without_error_and_finds_itself(index: Index, text: str) -> None:
    cleaned = clean(text)
    assert match_query(cleaned) is None or index.finds(cleaned, cleaned)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("款", "我要退款。"),
        ("退款", "我要退款。"),
        ("返金", "返金をお願いします"),
        ("カ", "ｶｽﾀﾏｰ"),
        ("ガ", "ｶﾞｽ"),
        ("คืน", "ขอคืนเงินค่ะ"),
        ("ก", "กำลัง"),
        ("น้ำ", "น้ํา"),
        ("환불", "주문환불요청"),
        ("한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
        ("😀", "thanks😀"),
        ("👍", "👍🏽"),
        ("ok", "ok退款"),
        ("退款ok", "退款ok"),
        ("ABC", "ＡＢＣ１２３"),
        ("12", "order 4412"),
        ("123", "١٢٣"),
        ("5", "table 5"),
        ("5 table", "table 7"),
        ("hello", "𝕳𝖊𝖑𝖑𝖔"),
        ("cafe", "cafe\u0301"),
        ("CAFÉ", "cafe"),
        ("dat hang", "Đặt hàng"),
        ("lodz", "Łódź"),
        ("елка", "Ёлка"),
        ("οδος", "ΟΔΌΣ"),
        ("مرحبا", "ﻣﺮﺣﺒﺎ"),
        ("محمد", "مُحَمَّد"),
        ("احمد", "أحمد"),
        ("میخواهم", "می\u200cخواهم"),
        ("בראשית", "בְּרֵאשִׁית"),
        ("नमस्ते", "नमस्ते,"),
        ("dont", "don’t"),
        ("ann@example.com", "write to Ann@Example.com!"),
        ("2024-1105", "No 2024-1105"),
        ("refund order", "My order: a REFUND, please"),
    ],
)
def test_a_word_is_found_however_it_is_written(index: Index, query: str, text: str) -> None:
    assert index.finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("款退", "我要退款。"),
        ("退款", "退货。付款"),
        ("불가", "환불 가능"),
        ("fu", "refund"),
        ("a", "banana"),
        ("refund order", "refund"),
        ("cart", "car t"),
        ("5", "15"),
    ],
)
def test_other_words_are_not_found(index: Index, query: str, text: str) -> None:
    assert not index.finds(query, text)


@pytest.mark.parametrize("query", ["", " \n", "...", "\"'*()", "\u200d\u202e", "\x00", "\ud800"])
def test_a_query_without_words_looks_for_nothing(query: str) -> None:
    assert match_query(query) is None
    assert find_spans("anything", query) == []


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("refund", '"refund"'),
        ("ok", '(" ok" OR "ok ")'),
        ("a", '" a "'),
        ("a refund ok", '"refund" AND (" ok" OR "ok ")'),
        ("退款", '"·退·款·"'),
        ("abc退款 refund", '"abc ·退·款·" AND "refund"'),
        ('"x" NEAR(y) OR* ^col:z', '"near y" AND (" or" OR "or ") AND "col z"'),
    ],
)
def test_a_query_becomes_quoted_words(query: str, expression: str) -> None:
    assert match_query(query) == expression


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("My Refund, refunded", "refund", ["Refund", "refund"]),
        ("我要退款，退款", "退款", ["退款", "退款"]),
        ("Đặt hàng", "dat hang", ["Đặt", "hàng"]),
        ("Vie\u0323\u0302t", "viet", ["Vie\u0323\u0302t"]),
        ("ok, token, book", "ok", ["ok", "ok"]),
        ("ขอคืนเงิน", "คืน", ["คืน"]),
        ("ｶﾞｽ", "ガス", ["ｶﾞｽ"]),
        ("no 2024-1105!", "2024-1105", ["2024-1105"]),
        (f"we {FAMILY} go", "👩", [FAMILY]),
        ("banana", "ana", ["anana"]),
        ("nothing here", "refund", []),
        ("a b", "a", ["a"]),
    ],
)
def test_hits_are_marked_in_the_text_as_shown(text: str, query: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in find_spans(text, query)] == marked


@given(anything, anything)
def test_spans_are_sorted_apart_and_inside_the_text(text: str, query: str) -> None:
    for sought in (query, text[:3]):
        ends = [at for span in find_spans(text, sought) for at in span]
        assert ends == sorted(ends)
        assert all(start < end for start, end in zip(ends[::2], ends[1::2], strict=True))
        assert all(0 <= at <= len(text) for at in ends)


@pytest.mark.parametrize("name", ["star", "multilingual", "messages"])
def test_what_people_write_is_hardly_touched(name: str) -> None:
    path = DATA / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("no data")
    with gzip.open(path, "rt") as lines:
        texts = [turn["text"] for line in lines for turn in json.loads(line)["turns"] if turn["who"] != "system"]
    for text in texts:
        cleaned = clean(text)
        assert search_form(cleaned) == search_form(text)
        assert cleaned.count("\n") == len(re.findall(r"\r\n?|[\n\u2028\u2029]", text))
