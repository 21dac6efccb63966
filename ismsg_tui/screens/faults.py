"""What becomes of an error in something that runs beside the interface: it is logged and told, and work goes on."""

from __future__ import annotations

import logging

from textual.app import App
from textual.widget import Widget
from textual.worker import Worker, WorkerState

log = logging.getLogger(__name__)


class TellsFaults:
    """Mixed into an app, screen or widget, behind its own base: none of its workers fails in silence."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Log a worker's error and say where it is written."""
        if event.state is WorkerState.ERROR and isinstance(self, App | Widget):
            event.stop()
            log.error("%s failed", event.worker.name, exc_info=event.worker.error)
            self.notify("That went wrong; nothing was lost. The log says where.", severity="error", timeout=8)
