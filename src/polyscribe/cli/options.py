"""What all commands have in common: the program's own options, the settings that follow, and how results are shown."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from polyscribe.domain.errors import FetchFailed, FetchFault, PolyscribeError

if TYPE_CHECKING:
    from polyscribe.settings import Settings


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stood in front of the command's name."""

    config: Path | None
    data_dir: Path | None
    is_debugging: bool


def settings_of(context: typer.Context, **flags: Any) -> Settings:
    """The settings with these flags on top.

    Raises:
        BadInput: a setting is unknown or impossible.
    """
    from polyscribe import settings

    chosen: Chosen = context.obj
    return settings.read({"data_dir": chosen.data_dir, **flags}, chosen.config)


def message_of(error: Exception, subject: str | None = None) -> str:
    """What is wrong and what to do, in one line; `subject` is what the reader knows it is about already."""
    match error:
        case typer.TyperException():
            text = f"{error.format_message()} See `polyscribe --help`."
        case FetchFailed(fault=FetchFault.FORBIDDEN_ADDRESS):
            text = f"{error.message} POLYSCRIBE_ALLOWED_PRIVATE_HOSTS can allow it."
        case PolyscribeError():
            text = error.message
        case OSError() if error.strerror:
            is_about_it = error.filename is None or str(error.filename) == subject
            text = f"{error.strerror}." if is_about_it else f"{error.filename}: {error.strerror}."
        case _:
            text = f"Unexpected {type(error).__name__}: {error}. Run it again with --debug and tell us what it shows."
    return " ".join(text.split())


def write_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_table(columns: list[str], rows: list[list[str]]) -> None:
    """A table on standard output; in a pipe its cells are separated by tabs and not cut."""
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in [columns, *rows])
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)
