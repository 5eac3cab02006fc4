"""The command line: what an operator types. Commands read settings, call services and print; they decide nothing else.

Importing this is cheap: what a command needs it imports when it runs, so `polyscribe --help` answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from polyscribe import __version__
from polyscribe.cli.accounts import account, key
from polyscribe.cli.checks import doctor, engines
from polyscribe.cli.options import Chosen, message_of
from polyscribe.cli.recordings import export, recording
from polyscribe.cli.serve import migrate, serve, worker
from polyscribe.cli.transcribe import transcribe
from polyscribe.domain.errors import BadInput

ANYWHERE = {"--debug": 0, "--config": 1, "--data-dir": 1}
"""Options of the whole program that may also stand behind a command's name, and how many values they take."""

INTERRUPTED = 130
"""What a shell expects of a program that ended by Ctrl+C."""

app = typer.Typer(
    name="polyscribe",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Transcribe calls and recordings, from the command line or as a server behind the APIs you already use.",
)
for command in (transcribe, serve, worker, migrate, export, engines, doctor):
    app.command()(command)
app.add_typer(account, name="account")
app.add_typer(key, name="key")
app.add_typer(recording, name="recording")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code: 0 done, 1 failed, 2 typed wrongly, 130 interrupted."""
    given = hoisted(sys.argv[1:] if arguments is None else arguments)
    is_debugging = "--debug" in given[: given.index("--")] if "--" in given else "--debug" in given
    sys.exit(_run(given, is_debugging))


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"polyscribe {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings file; without it polyscribe.toml, if it is there.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of database, blobs, models and spool.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    context.obj = Chosen(config, data_dir, debug)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The arguments with those of `ANYWHERE` in front, where the program looks for them."""
    front: list[str] = []
    rest: list[str] = []
    given = list(arguments)
    while given:
        each = given.pop(0)
        if each == "--":
            return [*front, *rest, each, *given]
        name, equals, _ = each.partition("=")
        if name not in ANYWHERE:
            rest.append(each)
            continue
        front.append(each)
        wanted = 0 if equals else ANYWHERE[name]
        front, given = [*front, *given[:wanted]], given[wanted:]
    return [*front, *rest]


def _run(arguments: list[str], is_debugging: bool) -> int:
    try:
        return int(app(arguments, prog_name="polyscribe", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough; nothing may be written any more, not even by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 (the end of the line: everything is told to the operator here)
        if is_debugging:
            traceback.print_exception(error)
        return _told(error)


def _told(error: Exception) -> int:
    """One line on standard error; the exit code."""
    usage = isinstance(error, typer.TyperException)
    if usage and not str(error):
        return 2  # the help was shown because nothing was asked for
    typer.echo(f"polyscribe: {message_of(error)}", err=True)
    return 2 if usage or isinstance(error, BadInput) else 1
