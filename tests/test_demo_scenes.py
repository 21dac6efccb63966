"""The demo's content: it loads, fits together, is invented, and every guest comes to an end whatever they are told."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ismsg_tui.demo.content import CONTENT, DemoError, load_scenes, load_workspace
from ismsg_tui.demo.scene import ME, Beat, Guest, Line, Scene

WORKSPACE = load_workspace()
SCENES = load_scenes()
BY_ID = {scene.id: scene for scene in SCENES}

every_scene = pytest.mark.parametrize("scene", [pytest.param(scene, id=scene.id) for scene in SCENES])


def texts(value: object) -> Iterator[str]:
    """Yield every string within what msgspec can take apart."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from texts(key)
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


ALL_TEXTS = list(texts(msgspec.to_builtins([WORKSPACE, SCENES], str_keys=True)))


# The content as it ships


def test_about_thirty_guests_write_in_through_every_channel() -> None:
    assert 28 <= len(SCENES) <= 34
    assert {scene.contact.channel for scene in SCENES} == {channel.name for channel in WORKSPACE.channels}


def test_half_of_the_guests_write_english_and_the_others_fifteen_languages() -> None:
    languages = Counter(scene.contact.language for scene in SCENES)
    assert 0.4 <= languages["en"] / len(SCENES) <= 0.6
    assert len(languages) >= 16


def test_a_dozen_guests_are_waiting_already_and_the_others_arrive_within_twelve_minutes() -> None:
    waiting = [scene.arrives for scene in SCENES if scene.arrives < 0]
    coming = [scene.arrives for scene in SCENES if scene.arrives >= 0]
    assert 10 <= len(waiting) <= 14
    assert all(-40 * 60 <= at <= -60 for at in waiting)
    assert all(at <= 12 * 60 for at in coming)
    assert any(later - earlier <= 10 for earlier, later in pairwise(coming)), "nobody comes in a bunch"


def test_some_guests_belong_to_the_person_who_tries_the_demo_some_to_teammates_and_most_to_nobody() -> None:
    assignees = Counter(scene.assignee for scene in SCENES)
    assert assignees[ME] >= 2
    assert len(assignees - Counter({ME: 99, None: 99})) >= 2
    assert assignees[None] > len(SCENES) / 2


def test_half_of_the_guests_have_a_past_and_a_few_a_long_one() -> None:
    assert 0.4 <= sum(bool(scene.history) for scene in SCENES) / len(SCENES) <= 0.6
    assert sum(len(past.turns) >= 15 for scene in SCENES for past in scene.history) >= 3


@every_scene
def test_earlier_conversations_stand_oldest_first_and_ended_before_the_next(scene: Scene) -> None:
    day = 24 * 60 * 60
    ended = None
    for past in scene.history:
        begun = -past.days_ago * day
        assert ended is None or ended < begun
        ended = begun + sum(turn.after for turn in past.turns)
        assert ended < -day / 2
        assert past.turns[0].who == "customer"


@every_scene
def test_the_first_line_opens_the_scene_and_impatience_comes_later(scene: Scene) -> None:
    assert scene.opening[0].after == 0
    assert all(0 < line.after <= 90 for line in scene.opening[1:])
    assert all(2 <= line.after <= 40 for beat in scene.answers for line in beat.says)
    assert scene.impatient is None or scene.impatient.after >= 60


@every_scene
def test_words_to_hear_are_lower_case(scene: Scene) -> None:
    assert all(word == word.lower().strip() for beat in scene.answers for word in beat.hears)


def test_a_guest_whom_a_teammate_answers_is_answered_to_the_end() -> None:
    for take in WORKSPACE.takes:
        scene, used = BY_ID[take.scene], set[int]()
        for line in take.says:
            beat = scene.answer(used, line.text)
            assert beat is not None, f"{take.scene}: nobody answers “{line.text}”"
            used.add(beat)
        assert len(scene.answers) - 1 in used, take.scene


def test_snippets_use_known_variables_only() -> None:
    known = {
        "$contact.firstname",
        "$contact.lastname",
        "$contact.name",
        "$assignee.firstname",
        "$system.current_datetime",
    }
    used = {name for snippet in WORKSPACE.snippets for name in re.findall(r"\$[a-z_]+\.[a-z_]+", snippet.text)}
    assert used <= known
    assert {"$contact.firstname", "$assignee.firstname", "$system.current_datetime"} <= used


def test_categories_explain_themselves() -> None:
    assert 6 <= len(WORKSPACE.categories) <= 8
    assert all(category.description for category in WORKSPACE.categories)


def test_no_text_holds_a_control_character_or_an_emoji_of_uncertain_width() -> None:
    for text in ALL_TEXTS:
        odd = {char for char in text if char != "\n" and unicodedata.category(char).startswith("C")}
        assert not odd, text
        assert "\N{VARIATION SELECTOR-16}" not in text, text


def test_addresses_are_those_set_aside_for_examples() -> None:
    example = re.compile(r"example\.(com|org|net)$")
    for text in ALL_TEXTS:
        for host in re.findall(r"https?://([^/\s]+)|\w@([\w.-]+\w)", text):
            assert example.search("".join(host)), text


def test_phone_numbers_are_set_aside_for_fiction_or_cannot_exist() -> None:
    fiction = re.compile(
        r"\+(1\d{3}55501\d\d|447700900\d{3}|493023125\d{3}|3363998\d{4}|3532091\d{5}|61491570\d{3}|\d{2,3}000000\d{3})"
    )
    found = [match for text in ALL_TEXTS for match in re.findall(r"\+\d[\d ]{6,}", text)]
    assert len(found) > 10
    for number in found:
        assert fiction.fullmatch(number.replace(" ", "")), number


# What a guest answers


def guest(*answers: Beat) -> Scene:
    """A scene with these beats and a goodbye."""
    contact = Guest(first_name="Ada", last_name="Reed", channel="web", language="en", country="GB")
    goodbye = Beat(says=(Line(text="bye", after=2),))
    return Scene(id="ada", arrives=0, contact=contact, opening=(Line(text="hi", after=0),), answers=(*answers, goodbye))


def hears(*words: str) -> Beat:
    return Beat(hears=words, says=(Line(text="I heard", after=2),))


@pytest.mark.parametrize(
    ("word", "reply"),
    [
        ("park", "You can use our PARKING, of course"),
        ("tax", "That is the tourist tax."),
        ("habitación", "La habitacion esta lista"),
        ("tas", "Cinq TAS de sable"),
        ("can't", "We can’t do that"),
        ("not possible", "It is not possible, sorry"),
        ("مفتاح", "والمفتاح عند الباب"),
        ("部屋", "お部屋の準備ができました"),
        ("звичайно", "Так, Звичайно!"),
        ("€", "That would be €12"),
    ],
)
def test_a_word_is_heard_in_any_spelling_of_it(word: str, reply: str) -> None:
    assert guest(hears(word)).answer(set(), reply) == 0


@pytest.mark.parametrize(
    ("word", "reply"),
    [("tax", "Take a taxi"), ("park", "A spark"), ("12", "room 120"), ("cat", "Delicate, I know"), ("yes", "")],
)
def test_a_word_is_not_heard_within_another(word: str, reply: str) -> None:
    assert guest(hears(word)).answer(set(), reply) == 1


def test_a_beat_that_hears_something_goes_before_an_earlier_one_that_answers_anything() -> None:
    anything = Beat(says=(Line(text="I see", after=2),))
    scene = guest(anything, hears("wifi"), hears("wifi"))
    assert scene.answer(set(), "the wifi is back") == 1
    assert scene.answer({1}, "the wifi is back") == 2
    assert scene.answer({1, 2}, "the wifi is back") == 0
    assert scene.answer({0, 1, 2}, "the wifi is back") == 3


def test_after_the_goodbye_there_is_nothing_more_to_say() -> None:
    assert guest(hears("wifi")).answer({1}, "the wifi is back") is None


@given(data=st.data())
def test_every_guest_comes_to_their_goodbye_whatever_the_agent_says(data: st.DataObject) -> None:
    scene = data.draw(st.sampled_from(SCENES))
    words = sorted({word for beat in scene.answers for word in beat.hears})
    reply = st.text() | st.lists(st.sampled_from(words), max_size=4).map(" ".join)
    used: set[int] = set()
    while (beat := scene.answer(used, data.draw(reply))) is not None:
        assert beat not in used
        used.add(beat)
    assert len(scene.answers) - 1 in used


# Content that is wrong


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the content that a test may damage."""
    shutil.copy(str(CONTENT / "workspace.toml"), tmp_path)
    shutil.copytree(str(CONTENT / "scenes"), tmp_path / "scenes")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("scenes/mai-tran.toml", 'channel = "whatsapp"', 'channel = "fax"', "unknown channel 'fax'"),
        ("scenes/mai-tran.toml", 'phone = "+84', 'phone = "84', r"\$\.contact\.phone"),
        ("scenes/mai-tran.toml", 'phone = "', 'fon = "', "unknown field `fon`"),
        ("scenes/mai-tran.toml", 'agent = "gwen"', 'agent = "owen"', "unknown user 'owen'"),
        ("scenes/mai-tran.toml", 'category = "Booking"', 'category = "Bookings"', "unknown category 'Bookings'"),
        ("scenes/mai-tran.toml", "arrives = -480", "arrives = -20", "its opening ends after it"),
        ("scenes/mai-tran.toml", "arrives = -480", 'id = "may"\narrives = -480', "leave out 'id'"),
        ("scenes/mai-tran.toml", "arrives = -480", "arrives = ", "Invalid value"),
        ("scenes/walter-quill.toml", 'assignee = "me"', 'assignee = "you"', "unknown user 'you'"),
        ("scenes/walter-quill.toml", "@me this", "@walter this", "unknown user 'walter'"),
        ("scenes/walter-quill.toml", 'email = "walter.quill@example.org"\n', "", "needs an email address"),
        ("scenes/margaret-ashdown.toml", "Oh dear.", "Oh dear. " * 40, "longer than the 320 characters of SMS"),
        ("scenes/margaret-ashdown.toml", 'phone = "+447700900412"\n', "", "needs a phone number"),
        ("scenes/theo-marsh.toml", "bosun-by-theo.png", "gone.png", "no file 'gone.png'"),
        (
            "scenes/theo-marsh.toml",
            'text = "i think he looks like this", after = 14, files = [{ name = "bosun-by-theo.png" }]',
            "after = 14",
            "says nothing and carries nothing",
        ),
        ("workspace.toml", '{ text = "How kind', '{ files = [{ name = "voice.ogg" }], text = "How kind', "words alone"),
        ("workspace.toml", 'scene = "lin-xiaoyu"', 'scene = "lin"', "unknown scene 'lin' to take"),
        ("workspace.toml", 'scene = "lin-xiaoyu"', 'scene = "walter-quill"', "who belongs to 'me'"),
        ("workspace.toml", 'name = "hola"', 'name = "hello"', "snippet 'hello' is there twice"),
        ("workspace.toml", 'handle = "me"', 'handle = "you"', "no user has the handle 'me'"),
    ],
)
def test_wrong_content_is_refused_by_the_name_of_its_file(
    content: Path, name: str, old: str, new: str, complaint: str
) -> None:
    file = content / name
    right = file.read_text("utf-8")
    assert old in right
    file.write_text(right.replace(old, new, 1), "utf-8")
    with pytest.raises(DemoError, match=f"^{re.escape(name)}: .*{complaint}"):
        load_scenes(content)


def test_a_last_beat_that_does_not_answer_anything_is_refused(content: Path) -> None:
    file = content / "scenes/mai-tran.toml"
    before, last, after = file.read_text("utf-8").rpartition("[[answers]]\n")
    file.write_text(f'{before}{last}hears = ["bye"]\n{after}', "utf-8")
    with pytest.raises(DemoError, match=r"^scenes/mai-tran\.toml: the last beat is the goodbye"):
        load_scenes(content)


def test_two_guests_with_one_address_are_refused(content: Path) -> None:
    file = content / "scenes/mai-tran.toml"
    file.write_text(file.read_text("utf-8").replace("mai.tran@example.com", "walter.quill@example.org"), "utf-8")
    with pytest.raises(DemoError, match=r"^scenes/walter-quill\.toml: .*belongs to 'mai-tran' already"):
        load_scenes(content)


def test_a_missing_workspace_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"^workspace\.toml: "):
        load_workspace(tmp_path)
