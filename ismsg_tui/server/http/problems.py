"""Every answer that says no, as RFC 9457 has it, and the request whose body is read strictly."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from ismsg_tui.domain.wire import FieldError, Problem
from ismsg_tui.server.bodies import decode, invalid
from ismsg_tui.server.errors import ProblemError, disk_full

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
LARGEST_NUMBER = (1 << 53) - 1
"""The largest integer that every reader of JSON reads alike."""

_CODES = {
    400: ("malformed", "The request can't be read."),
    404: ("not-found", "There is nothing here."),
    405: ("method-not-allowed", "This can't be done here."),
    413: ("too-large", "The body is too large."),
    500: ("internal", "The server has failed because of a fault of its own."),
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_MISSING_PARAMETER = re.compile(r"Missing required \w+ parameter '(\w+)'")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded straight into the struct that its handler wants, nothing taken for another."""

    async def body(self) -> bytes:
        """All of the body. Raises ProblemError 400 where the client went away before its end."""
        try:
            return await super().body()
        except InternalServerException as error:
            raise ProblemError(400, "cut-off", "The request ended before its body did.") from error

    async def json(self) -> Any:
        """The body. Raises ProblemError 400, 413, 415 or 422."""
        kind = self.content_type[0]
        if kind != "application/json":
            raise ProblemError(
                415, "content-type", "The body has to be JSON: say so by Content-Type: application/json."
            )
        body = await self.body()
        field = self.route_handler.parsed_data_field
        return decode(body, field.annotation if field else Any)


def problems(*statuses: int) -> Mapping[int, ResponseSpec]:
    """For a handler's `responses`: that it answers with a problem of these statuses, as OpenAPI is to say."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, media_type=MEDIA_TYPE, description=HTTPStatus(status).phrase
        )
        for status in statuses
    }


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer for whatever a handler raised."""
    known = _known(error)
    if known is None:
        status = 500
        log.error("a request failed", exc_info=error, extra={"fields": {"request": request_id(request.scope)}})
        known = ProblemError(status, *_CODES[status])
    headers = dict(error.headers or {}) if isinstance(error, HTTPException | ProblemError) else {}
    if known.retry_after:
        headers["Retry-After"] = str(known.retry_after)
    if known.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    problem = Problem(
        type=f"/problems/{known.code}",
        title=HTTPStatus(known.status).phrase,
        status=known.status,
        code=known.code,
        detail=known.detail,
        instance=request_id(request.scope),
        retry_after=known.retry_after,
        params=known.params,
        errors=known.errors,
    )
    return Response(problem, status_code=known.status, media_type=MEDIA_TYPE, headers=headers)


def request_id(scope: Mapping[str, Any]) -> str:
    """The id that a request has in the journal and in its answer."""
    return str(scope.get("state", {}).get("request_id", ""))


def _known(error: Exception) -> ProblemError | None:
    match error:
        case ProblemError():
            return error
        case ValidationException():
            return _wrong_parameters(error)
        case OSError() if error.errno in _NO_ROOM:
            log.error("the disk is full")
            return disk_full()
        case HTTPException() if error.status_code < 500:
            return ProblemError(error.status_code, *_CODES.get(error.status_code, _CODES[400]))
    return None


def _wrong_parameters(error: ValidationException) -> ProblemError:
    missing = _MISSING_PARAMETER.search(error.detail)
    if missing:
        return invalid(FieldError(missing[1], "It is missing."))
    found = error.extra if isinstance(error.extra, list) else []
    if any(item.get("key", "data") == "data" for item in found):
        return ProblemError(400, "malformed", "The body is missing.")
    return invalid(*(FieldError(item["key"], item["message"]) for item in found))
