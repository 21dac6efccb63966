"""The files of the demo: what guests send, and what they make of those they get."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ismsg_tui.demo.content import CONTENT, load_scenes
from ismsg_tui.demo.enclosures import attachment
from ismsg_tui.domain.entities import Attachment, Delivery, FileKind, Message
from ismsg_tui.domain.media import check_attachment
from tests.demo_stage import Stage, outgoing

SCENES = {scene.id: scene for scene in load_scenes()}
SENDERS = {"theo-marsh": FileKind.IMAGE, "grace-adeyemi": FileKind.VOICE, "juergen-brandt": FileKind.FILE}


@pytest.fixture
def stages() -> Iterator[list[Stage]]:
    made: list[Stage] = []
    yield made
    for stage in made:
        stage.store.close()


def open_stage(stages: list[Stage], folder: Path, scene: str) -> tuple[Stage, str]:
    stage = Stage(folder, [SCENES[scene]])
    stages.append(stage)
    return stage, stage.hotel.contact(SCENES[scene]).id


def files_of(lines: list[Message]) -> list[Attachment]:
    return [file for line in lines for file in line.attachments]


def test_some_guests_send_a_file_and_no_file_lies_about_unused() -> None:
    senders = {scene.id: {attachment(file).kind for file in scene.files} for scene in SCENES.values() if scene.files}
    assert senders == {scene: {kind} for scene, kind in SENDERS.items()}
    used = {file.name for scene in SCENES.values() for file in scene.files}
    assert {file.name for file in (CONTENT / "files").iterdir()} == used


@pytest.mark.parametrize("scene", SENDERS)
def test_what_a_guest_sends_arrives_and_can_be_looked_at(scene: str, tmp_path: Path, stages: list[Stage]) -> None:
    stage, contact_id = open_stage(stages, tmp_path, scene)
    stage.go_on(200)
    (file,) = files_of(stage.lines(contact_id))
    assert file.kind is SENDERS[scene]
    assert file.size < 20_000
    stage.inbox.blobs.want(file.sha256, file.size)
    stage.sync.transfers.exchange()
    with stage.inbox.blobs.open(file.sha256) as content:
        assert sha256(content.read()).hexdigest() == file.sha256


def test_the_guest_s_own_channel_would_take_what_the_guest_sends(tmp_path: Path, stages: list[Stage]) -> None:
    for number, scene in enumerate(SENDERS):
        stage, contact_id = open_stage(stages, tmp_path / str(number), scene)
        stage.go_on(200)
        contact = stage.inbox.contacts.card(contact_id)
        assert contact is not None
        channel = stage.inbox.channels[contact.contact.channel_id or ""]
        for file in SCENES[scene].files:
            assert check_attachment(channel, attachment(file)) is None


def test_a_guest_answers_a_picture_that_says_nothing(tmp_path: Path, stages: list[Stage]) -> None:
    stage, contact_id = open_stage(stages, tmp_path, "theo-marsh")
    stage.go_on(200)
    photo = tmp_path / "bosun.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2_000))
    stage.inbox.reply(contact_id, "", (stage.inbox.blobs.add(photo),))
    stage.go_on(60)
    assert "yesss" not in stage.said(contact_id)
    stage.sync.transfers.exchange()
    stage.go_on(60)
    assert "yesss" in stage.said(contact_id)
    assert outgoing(stage.lines(contact_id))[-1].status is Delivery.READ


def test_files_that_an_agent_has_sent_are_still_there_another_day(tmp_path: Path, stages: list[Stage]) -> None:
    stage, contact_id = open_stage(stages, tmp_path, "theo-marsh")
    stage.go_on(200)
    note = tmp_path / "note.txt"
    note.write_text("he eats fish")
    sent = stage.inbox.blobs.add(note)
    stage.inbox.reply(contact_id, "what he eats", (sent,))
    stage.sync.transfers.exchange()
    stage.go_on(60)
    stage.close()
    again = Stage(tmp_path, [SCENES["theo-marsh"]], at=stage.clock() + 86_400_000)
    stages[:] = [again]
    assert again.authority.has_blob(sent.sha256)
    assert sent in files_of(again.lines(contact_id))
    said = again.said(contact_id)
    again.go_on(200)
    assert len(files_of(again.lines(contact_id))) == 2, "nothing is sent twice"
    assert again.said(contact_id)[: len(said)] == said
