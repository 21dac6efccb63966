"""The log file: what went wrong and where in the program, never what anybody wrote."""

from __future__ import annotations

import logging
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

FILE_NAME = "ismsg.log"
_HARMLESS = (OSError, MemoryError, RecursionError)
"""Errors whose own words speak of the machine; those of others may quote a message."""


class QuietFormatter(logging.Formatter):
    """Writes where an error happened and of what kind it is; its words only where they can't quote anybody."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Where an error came from."""
        kind, error, trace = ei
        if kind is None:
            return ""
        words = f": {error}" if isinstance(error, _HARMLESS) or kind.__module__.startswith(("sqlite3", "pysql")) else ""
        return "".join(traceback.format_tb(trace)) + kind.__qualname__ + words


def start_log(folder: Path) -> Path:
    """Write the log of this process into `folder` (created if missing); returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(QuietFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ismsg_tui")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return path
