"""`polyscribe account` and `polyscribe key`: who may use the server. Secrets are shown once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyscribe.cli.options import settings_of, write_json, write_table
from polyscribe.domain.errors import BadInput, NotFound

if TYPE_CHECKING:
    from polyscribe.domain.account import Account
    from polyscribe.services.access import Issued

account = typer.Typer(no_args_is_help=True, help="Make accounts.")
key = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys of an account.")

FIELDS = {
    "bota": ("project_id", "secret_key"),
    "trustpager": ("workspace_id", "key"),
    "voipbin": ("customer_id", "access_key"),
    "openai": (None, "api_key"),
}
"""What each API's clients call the account and its key."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@account.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the account is called here.")],
    as_json: Json = False,
) -> None:
    """Make an account and one full-power credential for each API; they are shown this once."""
    from polyscribe import wiring
    from polyscribe.services import access

    made, issued = access.create_account(wiring.application(settings_of(context)), name)
    credentials = credentials_of(made, issued)
    if as_json:
        write_json(credentials)
    else:
        typer.echo(credentials_text(credentials))


@key.command("create")
def create_key(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="Name of the account.")],
    api: Annotated[str, typer.Option(help="bota, trustpager, twilio, voipbin, openai or ingest.")],
    scope: Annotated[list[str] | None, typer.Option(help="What the key may do; without any, everything.")] = None,
    as_json: Json = False,
) -> None:
    """Make a further key; its secret is shown this once."""
    from polyscribe import wiring
    from polyscribe.services import access

    issued = access.create_key(wiring.application(settings_of(context)), account, api, frozenset(scope or ()))
    key_id = issued.credential.lookup if api == "twilio" else str(issued.credential.id)
    if as_json:
        write_json({"id": key_id, "secret": issued.secret})
    else:
        typer.echo(f"id      {key_id}\nsecret  {issued.secret}  (shown this once)")


@key.command("list")
def list_keys(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only keys of this account.")] = None,
    as_json: Json = False,
) -> None:
    """List keys; secrets are not kept and not shown."""
    from polyscribe import wiring
    from polyscribe.services import access

    found = access.list_keys(wiring.application(settings_of(context)), account)
    lines: list[dict[str, Any]] = [
        {
            "id": str(each.id),
            "api": each.api,
            "kind": each.kind,
            "account_id": str(each.account_id),
            "scopes": sorted(each.scopes),
            "created_at": each.created_at.isoformat(),
            "revoked_at": None if each.revoked_at is None else each.revoked_at.isoformat(),
        }
        for each in found
    ]
    if as_json:
        write_json(lines)
        return
    rows = [
        [line["id"], line["kind"], " ".join(line["scopes"]) or "everything", line["created_at"], line["revoked_at"]]
        for line in lines
    ]
    write_table(["id", "kind", "scopes", "created", "revoked"], [[cell or "" for cell in row] for row in rows])


@key.command("revoke")
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `key create` and `key list` show it.")],
) -> None:
    """End a key; requests that carry it are refused from now on."""
    from uuid import UUID

    from polyscribe import wiring
    from polyscribe.services import access

    try:
        wanted = UUID(key_id.removeprefix("SK"))
    except ValueError as error:
        raise BadInput(f"{key_id!r} is not the id of a key. `polyscribe key list` shows them.") from error
    try:
        access.revoke_key(wiring.application(settings_of(context)), wanted)
    except NotFound as error:
        raise NotFound(f"{error.message} `polyscribe key list` shows them.") from error
    typer.echo(f"Revoked {key_id}.")


def credentials_of(made: Account, issued: list[Issued]) -> dict[str, Any]:
    """The account and its credentials, in the names that each API's clients use (operator contract §2)."""
    from polyscribe.services.access import TWILIO_KEY, TWILIO_TOKEN, twilio_account_sid

    by_kind = {each.credential.kind: each for each in issued}
    twilio_key = by_kind[TWILIO_KEY]
    found: dict[str, Any] = {
        "id": str(made.id),
        "name": made.name,
        "twilio": {
            "account_sid": twilio_account_sid(made.id),
            "auth_token": by_kind[TWILIO_TOKEN].secret,
            "api_key_sid": twilio_key.credential.lookup,
            "api_key_secret": twilio_key.secret,
        },
    }
    for api, (id_field, key_field) in FIELDS.items():
        own = {} if id_field is None else {id_field: str(made.id)}
        found[api] = {**own, key_field: by_kind[f"{api}_key"].secret}
    return found


def credentials_text(credentials: dict[str, Any]) -> str:
    """The same for people; whoever reads it must keep it, for it is not shown again."""
    lines = [f"Account {credentials['name']!r} ({credentials['id']}). Its credentials are shown this once:"]
    for api, fields in credentials.items():
        if isinstance(fields, dict):
            lines += [f"  {api if first else '':<11} {name:<15} {value}" for first, name, value in _numbered(fields)]
    return "\n".join(lines)


def _numbered(fields: dict[str, str]) -> list[tuple[bool, str, str]]:
    return [(number == 0, name, value) for number, (name, value) in enumerate(fields.items())]
