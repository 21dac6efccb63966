"""What the server counts and measures, for Prometheus to fetch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from ismsg_tui.domain.commands import Issued
from ismsg_tui.domain.wire import Result

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which the processes of one server add up their numbers."""
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30)


class Metrics:
    """The numbers of one process; of all processes of a server where they share a folder."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "ismsg_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "ismsg_request_seconds",
            "How long requests took, waiting for changes included.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._commands = Counter(
            "ismsg_commands", "Commands carried out or refused.", ("type", "outcome"), registry=registry
        )
        self.streams = Gauge("ismsg_streams", "Open live streams.", multiprocess_mode="livesum", registry=registry)
        self._grown = Gauge(
            "ismsg_head_time_seconds",
            "When a revision was last made here, in seconds since 1970; 0 before the first.",
            multiprocess_mode="max",
            registry=registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template of its path, so that nobody's ids become labels."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def commands(self, commands: Sequence[Issued], results: Iterable[Result]) -> None:
        """Commands were attempted; `results` are of the first of them."""
        for issued, result in zip(commands, results, strict=False):
            kind = str(issued.command.__struct_config__.tag)
            self._commands.labels(kind, "refused" if result.refusal else "applied").inc()

    def grown(self, _workspace_id: str, _seq: int) -> None:
        """A transaction made a new revision."""
        self._grown.set(time.time())

    def text(self) -> bytes:
        """Everything as Prometheus reads it."""
        if os.environ.get(SHARED):
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
            return generate_latest(together)
        return generate_latest(self._registry)
