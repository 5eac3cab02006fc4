"""Accounts, their keys, and who is asking. The forms of the keys are the operator's contract, §2."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from polyscribe.domain.account import Account, Credential
from polyscribe.domain.errors import BadInput, Conflict, NotAuthenticated, NotFound
from polyscribe.services.app import App
from polyscribe.services.sealing import hashed
from polyscribe.storage import accounts

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TWILIO_TOKEN = "twilio_auth_token"  # noqa: S105 (the name of a kind of credential)
TWILIO_KEY = "twilio_api_key"
BEARER_PREFIXES = {
    "bota": "sk_live_",
    "trustpager": "tp_live_",
    "voipbin": "vb_",
    "openai": "sk-polyscribe-",
    "ingest": "vbs_",
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A credential and its secret, which is shown this once."""

    credential: Credential
    secret: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the account, and the scopes of the key that was shown (empty: all)."""

    account: Account
    credential: Credential


def twilio_account_sid(account_id: UUID) -> str:
    """The account's id as Twilio's clients spell it."""
    return f"AC{account_id.hex}"


def create_account(app: App, name: str) -> tuple[Account, list[Issued]]:
    """An account with one full-power credential for each API.

    Raises:
        BadInput: no name. Conflict: the name is taken.
    """
    if not name.strip() or len(name) > 200:
        raise BadInput("An account needs a name of at most 200 characters.", "name")
    account = Account(app.new_id(), name, app.now())
    issued = [_twilio_token(app, account), _twilio_key(app, account, frozenset())]
    issued += [_bearer(app, account, api, frozenset()) for api in ("bota", "trustpager", "voipbin", "openai")]
    try:
        with app.database.transaction() as tx:
            accounts.insert(tx, account)
            for each in issued:
                _store(app, tx, each)
    except IntegrityError as error:
        raise Conflict(f"An account named {name!r} exists already.") from error
    return account, issued


def create_key(app: App, account_name: str, api: str, scopes: frozenset[str]) -> Issued:
    """A further credential of an account, restricted to `scopes` (empty: full power).

    Raises:
        NotFound: no such account. BadInput: no such API.
    """
    if api != "twilio" and api not in BEARER_PREFIXES:
        raise BadInput(f"There is no API named {api!r}: choose twilio, {', '.join(BEARER_PREFIXES)}.", "api")
    with app.database.transaction() as tx:
        account = accounts.by_name(tx, account_name)
        if account is None:
            raise NotFound(f"There is no account named {account_name!r}.")
        issued = _twilio_key(app, account, scopes) if api == "twilio" else _bearer(app, account, api, scopes)
        _store(app, tx, issued)
    return issued


def account_named(app: App, name: str) -> Account:
    """Raises NotFound."""
    with app.database.reading() as tx:
        account = accounts.by_name(tx, name)
    if account is None:
        raise NotFound(f"There is no account named {name!r}.")
    return account


def has_accounts(app: App) -> bool:
    with app.database.reading() as tx:
        return accounts.count(tx) > 0


def list_keys(app: App, account_name: str | None = None) -> list[Credential]:
    """All credentials, or those of one account. Raises NotFound."""
    account_id = None if account_name is None else account_named(app, account_name).id
    with app.database.reading() as tx:
        return accounts.list_credentials(tx, account_id)


def revoke_key(app: App, credential_id: UUID) -> None:
    """Raises NotFound when it does not exist or was revoked before."""
    with app.database.transaction() as tx:
        if not accounts.revoke(tx, credential_id, app.now()):
            raise NotFound("There is no standing key with that id.")


def by_pair(app: App, user: str, password: str) -> Caller:
    """Who is asking with user name and password (HTTP Basic).

    Raises:
        NotAuthenticated: unknown, wrong or revoked; the message does not say which.
    """
    return _caller(app, user, password)


def by_bearer(app: App, key: str) -> Caller:
    """Who is asking with a key alone. Raises NotAuthenticated."""
    return _caller(app, _bearer_lookup(key), key)


def signing_secret(app: App, account_id: UUID, kind: str) -> str | None:
    """The recoverable secret of an account with which its webhooks are signed."""
    with app.database.reading() as tx:
        found = accounts.credential_of_kind(tx, account_id, kind)
    if found is None or found[1] is None:
        return None
    return app.sealer.open(found[1])


def _caller(app: App, lookup: str, secret: str) -> Caller:
    with app.database.reading() as tx:
        found = accounts.credential(tx, lookup)
        account = None if found is None else accounts.by_id(tx, found[0].account_id)
    expected = b"" if found is None else found[1]
    if not hmac.compare_digest(expected, hashed(secret)) or found is None or account is None:
        raise NotAuthenticated("Authenticate")
    if found[0].revoked_at is not None:
        raise NotAuthenticated("Authenticate")
    return Caller(account, found[0])


def _store(app: App, tx: sa.Connection, issued: Issued) -> None:
    sealed = app.sealer.seal(issued.secret) if issued.credential.kind == TWILIO_TOKEN else None
    accounts.insert_credential(tx, issued.credential, hashed(issued.secret), sealed)


def _twilio_token(app: App, account: Account) -> Issued:
    lookup = twilio_account_sid(account.id)
    credential = Credential(app.new_id(), account.id, "twilio", TWILIO_TOKEN, lookup, frozenset(), app.now())
    return Issued(credential, app.randomness(16).hex())


def _twilio_key(app: App, account: Account, scopes: frozenset[str]) -> Issued:
    key_id = app.new_id()
    credential = Credential(key_id, account.id, "twilio", TWILIO_KEY, f"SK{key_id.hex}", scopes, app.now())
    return Issued(credential, _letters(app, 32))


def _bearer(app: App, account: Account, api: str, scopes: frozenset[str]) -> Issued:
    secret = BEARER_PREFIXES[api] + _letters(app, 40)
    kind = f"{api}_key"
    credential = Credential(app.new_id(), account.id, api, kind, _bearer_lookup(secret), scopes, app.now())
    return Issued(credential, secret)


def _bearer_lookup(key: str) -> str:
    return f"key:{hashed(key).hex()[:40]}"


def _letters(app: App, count: int) -> str:
    """`count` random characters of 5 bits each."""
    return "".join(ALPHABET[byte & 31] for byte in app.randomness(count))
