"""What the server writes of itself: one JSON object a line on stderr, no word that somebody wrote, and no secret."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

from ismsg_tui.logs import QuietFormatter

REQUESTS = "ismsg_tui.server.requests"
"""The logger of requests: silent unless a journal is written, since the log of a console has no use for them."""

logging.getLogger(REQUESTS).propagate = False


class JsonLines(QuietFormatter):
    """One object a line: time, level, what happened, the record's `fields`, and where an error came from."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, without its end."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.name != REQUESTS:
            line["logger"] = record.name
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def write_journal() -> None:
    """Have this process write its journal."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ismsg_tui").setLevel(logging.INFO)
    logging.getLogger(REQUESTS).propagate = True
