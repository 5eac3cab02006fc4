"""The application that answers HTTP: it sends each request to the API whose path it is, and says how the server is.

Paths are never rewritten, so that several APIs can live below `/v2`; a final slash is no other path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyscribe.domain.errors import PolyscribeError
from polyscribe.services.app import App
from polyscribe.telemetry import emit
from polyscribe.web import answers, pages, urls
from polyscribe.web.api import Api

Check = Callable[[], object]
OWN = "server"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def root(app: App, apis: Sequence[Api], *, checks: Mapping[str, Check], metrics: Callable[[], str]) -> ASGIApp:
    """Everything that the server answers.

    `checks` raise when a part of the server is not usable; `metrics` gives Prometheus text. Both may block.
    """
    rooms = {api.name: api.make(app) for api in apis}
    documents = [(api, rooms[api.name].openapi()) for api in apis]
    own = _own(app, apis, pages.merged(documents), checks, metrics)
    doors = [(prefix, api.name, rooms[api.name]) for api in apis for prefix in api.prefixes]
    return Root(urls.prefix(app.public_url), sorted(doors, key=lambda door: -len(door[0])), own)


class Root:
    """Finds the application for a request, and tells telemetry what became of it."""

    def __init__(self, prefix: str, doors: Sequence[tuple[str, str, ASGIApp]], own: ASGIApp) -> None:
        self._prefix = prefix
        self._doors = doors
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._own(scope, receive, send)
            return
        before = self._before(scope)
        path = scope["path"][len(before) :]
        name, application = self._find(path)
        inner: Scope = {**scope, "root_path": before, "path": before + (path.rstrip("/") or "/")}
        await _told(name, application, inner, receive, send)

    def _before(self, scope: Scope) -> str:
        """What stands in front of our paths in this request: not everybody's proxy strips it."""
        path: str = scope["path"]
        given: str = scope.get("root_path", "").rstrip("/")
        for candidate in (given, self._prefix):
            if candidate and (path == candidate or path.startswith(candidate + "/")):
                return candidate
        return ""

    def _find(self, path: str) -> tuple[str, ASGIApp]:
        for prefix, name, application in self._doors:
            if path == prefix or path.startswith(prefix + "/"):
                return name, application
        return OWN, self._own


async def _told(name: str, application: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    began = time.monotonic()
    status = 500

    async def noting(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        await application(scope, receive, noting)
    finally:
        # Never the path itself: names and numbers of customers stand in it.
        route = getattr(scope.get("route"), "path", "unknown")
        ms = round((time.monotonic() - began) * 1000, 1)
        emit("request", api=name, method=scope["method"], route=route, status=status, ms=ms)


def _own(
    app: App,
    apis: Sequence[Api],
    document: dict[str, object],
    checks: Mapping[str, Check],
    metrics: Callable[[], str],
) -> Starlette:
    # A limiter of its own: health must not wait behind requests that fill the thread pool.
    limiter = anyio.CapacityLimiter(4)

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        found = await anyio.to_thread.run_sync(_outcomes, checks, limiter=limiter)
        is_ready = all(outcome == "ok" for outcome in found.values())
        return JSONResponse({"status": "ok" if is_ready else "unavailable", "checks": found}, 200 if is_ready else 503)

    async def figures(_request: Request) -> Response:
        text = await anyio.to_thread.run_sync(metrics, limiter=limiter)
        return PlainTextResponse(text, media_type=METRICS_TYPE)

    async def openapi(request: Request) -> Response:
        return JSONResponse({**document, "servers": [{"url": urls.base(app.public_url, request)}]})

    async def docs(_request: Request) -> Response:
        return HTMLResponse(pages.routes(document))

    async def landing(request: Request) -> Response:
        return HTMLResponse(pages.landing(apis, urls.base(app.public_url, request)))

    async def lost(_request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        sentence = answers.sentence(error) if isinstance(error, HTTPException) else "An internal error occurred."
        return JSONResponse({"error": sentence}, status)

    own = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": figures,
        "/openapi.json": openapi,
        "/docs": docs,
        "/": landing,
    }
    return Starlette(
        routes=[Route(path, endpoint) for path, endpoint in own.items()],
        exception_handlers={HTTPException: lost, Exception: lost},
    )


def _outcomes(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: _outcome(check) for name, check in checks.items()}


def _outcome(check: Check) -> str:
    try:
        check()
    except PolyscribeError as error:
        return error.message
    except OSError as error:
        return type(error).__name__
    return "ok"
