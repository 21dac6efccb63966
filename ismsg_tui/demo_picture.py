"""Draws the console on the demo as a picture: the same code draws the same bytes, wherever and whenever."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from ismsg_tui.app import IsmsgApp
from ismsg_tui.clock import stand_still
from ismsg_tui.config import Config
from ismsg_tui.demo.model import MODEL_TIME, pose
from ismsg_tui.domain.views import View
from ismsg_tui.inbox import Inbox

SIZE = (120, 36)
"""Columns and rows."""

_SETTLED = 5
"""How many times in a row nothing may change before the console counts as painted."""


def take_picture(path: Path) -> None:
    """Write the console on the demo to `path` as an SVG."""
    zone, no_colour = os.environ.get("TZ"), os.environ.pop("NO_COLOR", None)
    stand_still(MODEL_TIME)
    _set_zone("UTC")
    try:
        with tempfile.TemporaryDirectory(prefix="ismsg-picture-") as folder:
            inbox, contact_id = pose(Path(folder))
            try:
                svg = asyncio.run(_draw(inbox, contact_id))
            finally:
                inbox.close_store()
        path.write_text(svg, encoding="utf-8")
    finally:
        stand_still(None)
        _set_zone(zone)
        if no_colour is not None:
            os.environ["NO_COLOR"] = no_colour


def _set_zone(zone: str | None) -> None:
    os.environ.pop("TZ", None)
    if zone is not None:
        os.environ["TZ"] = zone
    if hasattr(time, "tzset"):
        time.tzset()


async def _draw(inbox: Inbox, contact_id: str) -> str:
    app = IsmsgApp(inbox, Config(borders="unicode"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        app.desk.show_view(View.OPEN, contact_id)
        svg, same = "", 0
        while same < _SETTLED:
            await pilot.pause(0.05)
            before, svg = svg, app.export_screenshot()
            same = same + 1 if svg == before else 0
    return svg
