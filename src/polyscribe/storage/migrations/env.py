"""Runs the steps on the connection that `database.upgrade` hands in. Leaves the job engine's tables alone."""

from __future__ import annotations

from typing import Any

from alembic import context

from polyscribe.storage.tables import metadata


def is_ours(_object: Any, name: str | None, kind: str, reflected: bool, _compared: Any) -> bool:
    """Whether autogenerate may look at it: the job engine keeps its own tables in the same database."""
    return not (kind == "table" and reflected and name not in metadata.tables)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=is_ours,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
