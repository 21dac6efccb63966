"""The description of the API, made from the handlers: OpenAPI 3.1 as JSON, without a page that shows it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

from ismsg_tui import __version__
from ismsg_tui.domain import commands, entities, state, wire
from ismsg_tui.server.http.auth import has_device, signed_in

PATH = "/openapi.json"
_SCHEME = "token"
_DESCRIBED = (wire, commands, entities, state)


class _Rendered(OpenAPIRenderPlugin):
    """Serves the description."""

    def __init__(self) -> None:
        super().__init__(path=["/", "/openapi.json"], media_type="application/json")  # type: ignore[arg-type]

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """The description as JSON."""
        for name, schema in openapi_schema["components"]["schemas"].items():
            schema.setdefault("description", _words(name))
        for operation in _operations(openapi_schema):
            # What the framework would answer to a wrong parameter; here it is a problem like the others.
            if "application/json" in operation["responses"].get("400", {}).get("content", {}):
                del operation["responses"]["400"]
        return msgspec.json.encode(openapi_schema)


def description() -> OpenAPIConfig:
    """How the description is made and where it is served."""
    return OpenAPIConfig(
        title="ismsg",
        version=__version__,
        description="What consoles, channels and operators say to an ismsg server.",
        path=PATH,
        render_plugins=[_Rendered()],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        components=Components(security_schemes={_SCHEME: SecurityScheme(type="http", scheme="bearer")}),
    )


def name_tokens(handlers: Iterable[ControllerRouterHandler]) -> None:
    """Have the description say which handlers want the token of a device."""
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler) and {signed_in, has_device} & set(handler.guards or ()):
            handler.security = [{_SCHEME: []}]


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "responses" in operation:
                yield operation


def _words(name: str) -> str:
    for module in _DESCRIBED:
        found = getattr(module, name, None)
        if found is not None:
            return inspect.getdoc(found) or ""
    return ""
