"""`polyscribe serve`, `worker` and `migrate`: the server as a tree of processes."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyscribe.cli.options import settings_of
from polyscribe.domain.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from polyscribe.cli.supervisor import Part
    from polyscribe.settings import Settings

BACKLOG = 2048
ANSWER_S = 60.0
"""How long a starting server may take to answer before its addresses are printed all the same."""

Workers = Annotated[int | None, typer.Option(min=1, help="Parallel recognitions. [default: one per CPU]")]


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8080]")] = None,
    workers: Workers = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Answer requests only; workers run elsewhere.")
    ] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring a PostgreSQL schema up to date first; SQLite always is.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show the effective settings, secrets masked, and leave.")
    ] = False,
) -> None:
    """Run the server: every API and, unless --no-worker, the workers.

    On an empty data directory it makes a first account, shows its credentials once and transcribes a sample call.
    SIGTERM and Ctrl+C end it in order: no new jobs are begun, running ones are left where they can be taken up again.
    """
    settings = settings_of(context, host=host, port=port, workers=workers)
    if print_config:
        from polyscribe.settings import shown

        typer.echo(shown(settings))
        return
    _check(settings)
    with _listening(settings) as listener:
        _serve(settings, listener, with_workers=not no_worker, migrate=migrate)


def worker(context: typer.Context, workers: Workers = None) -> None:
    """Run workers only, for further machines that share the PostgreSQL database and the blob store."""
    from polyscribe.cli.supervisor import Part, run_once, supervise

    settings = settings_of(context, workers=workers)
    if settings.database_url.startswith("sqlite"):
        raise BadInput("Workers of their own need POLYSCRIBE_DATABASE_URL=postgresql://…; with SQLite use `serve`.")
    if not settings.has_secret_key:
        raise BadInput("Workers need the server's POLYSCRIBE_SECRET_KEY: it stands in DATA_DIR/secret-key there.")
    _check(settings)
    _start_logging(settings)
    answer = run_once(Part("prepare", settings, {"migrate": False, "account": False}))
    raise typer.Exit(supervise(_worker_parts(settings, answer["shares"])))


def migrate(context: typer.Context) -> None:
    """Bring the database schema up to date."""
    from polyscribe import wiring
    from polyscribe.settings import open_data_dir

    settings = settings_of(context)
    open_data_dir(settings.data_dir)
    wiring.migrate(settings)
    typer.echo("The database schema is up to date.")


def _serve(settings: Settings, listener: socket.socket, *, with_workers: bool, migrate: bool) -> None:
    from polyscribe.cli.accounts import credentials_text
    from polyscribe.cli.supervisor import Part, run_once, supervise

    _start_logging(settings)
    _share_figures(settings)
    answer = run_once(Part("prepare", settings, {"migrate": migrate, "account": True}))
    if answer["credentials"]:
        typer.echo(credentials_text(answer["credentials"]))
    descriptor = listener.fileno()
    parts = [Part("api", settings, {"descriptor": descriptor}, (descriptor,))]
    if with_workers:
        parts += _worker_parts(settings, answer["shares"])
    is_new = bool(answer["credentials"])
    raise typer.Exit(supervise(parts, lambda: _greet(settings, listener, answer["apis"], is_new)))


def _greet(settings: Settings, listener: socket.socket, apis: list[Any], is_new: bool) -> None:
    """Once the server answers: where it is; and on its first day, that it works."""
    host, port = listener.getsockname()[:2]
    within = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    _wait_for_answer(within, port)
    base = settings.public_url or f"http://{f'[{within}]' if ':' in within else within}:{port}"
    lines = ["", f"Polyscribe answers on {base}"]
    for title, prefixes in apis:
        lines += [f"  {title if prefix == prefixes[0] else '':<40} {base}{prefix}" for prefix in prefixes]
    lines += [f"  {'Start page':<40} {base}/", f"  {'API documentation':<40} {base}/docs"]
    typer.echo("\n".join([*lines, "Ctrl+C ends it.", ""]))
    if is_new:
        from polyscribe.cli.supervisor import Part, show

        show(Part("sample", settings))


def _wait_for_answer(host: str, port: int) -> None:
    import http.client

    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        connection = http.client.HTTPConnection(host, port, timeout=until - time.monotonic())
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)  # its process ended while we waited; a new one is on its way
        else:
            return
        finally:
            connection.close()


def _worker_parts(settings: Settings, shares: list[int]) -> list[Part]:
    from polyscribe.cli.supervisor import Part

    return [Part("worker", settings.model_copy(update={"workers": share})) for share in shares]


def _listening(settings: Settings) -> socket.socket:
    """The socket on which the API answers. It is ours, so that requests wait while a crashed API is started again.

    Raises:
        Unavailable: the port is taken or not ours to take; the message says so.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        where, why = f"{settings.host} port {settings.port}", os.strerror(error.errno or 0)
        raise Unavailable(f"Cannot listen on {where}: {why}. Choose another with --port.") from error


def _start_logging(settings: Settings) -> None:
    from polyscribe.observability import start_logging

    start_logging(settings.log_format, "supervisor")


def _share_figures(settings: Settings) -> None:
    """Give all processes a fresh folder through which they add up their figures."""
    from polyscribe.observability import FIGURES_DIR
    from polyscribe.settings import open_data_dir

    figures = settings.data_dir / "figures"
    shutil.rmtree(figures, ignore_errors=True)
    open_data_dir(settings.data_dir)
    figures.mkdir()
    os.environ[FIGURES_DIR] = str(figures)


def _check(settings: Settings) -> None:
    """Raises BadInput for what would otherwise fail later, in another process."""
    from polyscribe.outbound import Allowed

    try:
        Allowed.parse(settings.allowed_private_hosts)
    except ValueError as error:
        raise BadInput(f"Setting allowed_private_hosts: {error}.", "allowed_private_hosts") from error
    for provider in settings.providers.without_effect():
        sys.stderr.write(f"polyscribe: the section providers.{provider} has no effect in this version.\n")
