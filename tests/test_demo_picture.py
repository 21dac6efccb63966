from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ismsg_tui.clock import now_ms
from ismsg_tui.demo.model import MODEL_TIME, pose
from ismsg_tui.demo_picture import take_picture
from ismsg_tui.domain.views import View


@pytest.fixture
def far_east() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def test_the_picture_is_the_same_whenever_and_wherever_it_is_taken(tmp_path: Path, far_east: None) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    take_picture(one)
    assert os.environ["TZ"] == "Asia/Tokyo"
    os.environ.pop("TZ")
    time.tzset()
    take_picture(two)
    os.environ["TZ"] = "Asia/Tokyo"
    assert one.read_bytes() == two.read_bytes()
    assert "Rufus" in one.read_text(encoding="utf-8")
    assert "14:09" in one.read_text(encoding="utf-8")
    assert now_ms() != MODEL_TIME  # time goes on


def test_the_picture_shows_a_busy_desk_in_the_middle_of_a_conversation(tmp_path: Path) -> None:
    inbox, shown = pose(tmp_path)
    assert inbox.contacts.view(View.NEW).count() > 5
    assert inbox.contacts.view(View.ASSIGNED).count() > 2
    row = inbox.contacts.row(shown)
    assert row is not None
    assert row.assignee_id == inbox.user_id
    assert row.waiting_since is not None
    assert row.draft
    inbox.close_store()
