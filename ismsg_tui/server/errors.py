"""Why a request is not fulfilled: one exception, which the HTTP layer turns into a problem as RFC 9457 has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ismsg_tui.domain.wire import FieldError


class ProblemError(Exception):
    """A request that can't be fulfilled: the status of the answer, a stable code and a sentence."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: int = 0,
        params: Mapping[str, Any] | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`retry_after` in seconds, where trying again later makes sense; `headers` that belong to such an answer."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.params = dict(params or {})
        self.errors = list(errors)
        self.headers = dict(headers or {})


def disk_full() -> ProblemError:
    """The problem of a database, or of a file, for which the disk has no room."""
    return ProblemError(507, "disk-full", "The server's disk is full: nothing was changed.")
