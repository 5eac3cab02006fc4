"""Keep, find, change and forget named configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as changed
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from polyscribe.domain.configuration import Configuration
from polyscribe.domain.errors import Conflict, NotFound
from polyscribe.services.app import App
from polyscribe.storage import configurations


def create(app: App, account_id: UUID, api: str, unique_name: str | None, wire: Mapping[str, Any]) -> Configuration:
    """Raises Conflict when the unique name is taken."""
    now = app.now()
    made = Configuration(app.new_id(), account_id, api, unique_name, wire, now, now)
    try:
        with app.database.transaction() as tx:
            configurations.insert(tx, made)
    except IntegrityError as error:
        raise _taken(unique_name) from error
    return made


def find(app: App, account_id: UUID, api: str, key: UUID | str) -> Configuration:
    """By id or by unique name. Raises NotFound."""
    with app.database.reading() as tx:
        if isinstance(key, UUID):
            found = configurations.by_id(tx, account_id, api, key)
        else:
            found = configurations.by_unique_name(tx, account_id, api, key)
    if found is None:
        raise NotFound("There is no such configuration.")
    return found


def replace(
    app: App, account_id: UUID, api: str, key: UUID | str, unique_name: str | None, wire: Mapping[str, Any]
) -> Configuration:
    """Put new content under the same id. Raises NotFound, Conflict."""
    new = changed(find(app, account_id, api, key), unique_name=unique_name, wire=wire, updated_at=app.now())
    try:
        with app.database.transaction() as tx:
            configurations.replace(tx, new)
    except IntegrityError as error:
        raise _taken(unique_name) from error
    return new


def delete(app: App, account_id: UUID, api: str, key: UUID | str) -> None:
    """Raises NotFound. What was started with it keeps its own snapshot."""
    found = find(app, account_id, api, key)
    with app.database.transaction() as tx:
        configurations.delete(tx, account_id, api, found.id)


def page(
    app: App,
    account_id: UUID,
    api: str,
    at: tuple[datetime, UUID] | None,
    limit: int,
    *,
    backwards: bool = False,
) -> list[Configuration]:
    """In order of creation, behind the one whose (created_at, id) is `at`; `backwards`: those just in front of it."""
    with app.database.reading() as tx:
        return configurations.page(tx, account_id, api, at, limit, backwards=backwards)


def _taken(unique_name: str | None) -> Conflict:
    return Conflict(f"The unique name {unique_name!r} is taken.")
