"""The few pages that the server shows of itself: they need nothing from any other host."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from polyscribe import __version__
from polyscribe.web.api import Api

METHODS = ("get", "post", "put", "patch", "delete", "head")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1rem; color: #1b1b1b }
code { font: 0.9em ui-monospace, monospace } td { padding: 0.2rem 1rem 0.2rem 0; vertical-align: top }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e6e6e6 } a { color: #8ab4f8 } }
"""


def merged(documents: Sequence[tuple[Api, dict[str, Any]]]) -> dict[str, Any]:
    """One OpenAPI document out of those of all APIs; each API is a tag, and its schemas carry its name."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for api, document in documents:
        own = json.loads(json.dumps(document).replace("#/components/schemas/", f"#/components/schemas/{api.name}."))
        for path, methods in own.get("paths", {}).items():
            for method in methods.values():
                method |= {"tags": [api.title], "security": [{api.scheme: []}]}
            paths.setdefault(path, {}).update(methods)
        for name, schema in own.get("components", {}).get("schemas", {}).items():
            schemas[f"{api.name}.{name}"] = schema
    return {
        "openapi": "3.1.0",
        "info": {"title": "Polyscribe", "version": __version__},
        "tags": [{"name": api.title} for api, _ in documents],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def landing(apis: Sequence[Api], base: str) -> str:
    """Where everything is."""
    rows = "".join(_row(api.title, "<br>".join(_code(base + prefix) for prefix in api.prefixes)) for api in apis)
    return _page(
        "Polyscribe",
        "<p>A self-hosted transcription server. It answers these APIs:</p>"
        f"<table>{rows}</table>"
        '<p><a href="docs">All routes</a> · <a href="openapi.json">OpenAPI</a> · <a href="readyz">Ready?</a> · '
        '<a href="metrics">Figures</a></p>'
        f"<p>Version {escape(__version__)}</p>",
    )


def routes(document: Mapping[str, Any]) -> str:
    """All routes, one table for each API."""
    tables = []
    for tag in document["tags"]:
        rows = [
            _row(_code(f"{method.upper()} {path}"), escape(methods[method].get("summary", "")))
            for path, methods in document["paths"].items()
            for method in METHODS
            if method in methods and tag["name"] in methods[method]["tags"]
        ]
        tables.append(f"<h2>{escape(tag['name'])}</h2><table>{''.join(rows)}</table>")
    return _page(
        "Routes", '<p>As a document for machines: <a href="openapi.json">openapi.json</a></p>' + "".join(tables)
    )


def _page(title: str, content: str) -> str:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    body = f"<h1>{escape(title)}</h1>{content}"
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>'


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"
