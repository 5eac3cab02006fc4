"""Accounts and their credentials."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from polyscribe.domain.account import Account, Credential
from polyscribe.storage.tables import accounts, credentials


def insert(tx: sa.Connection, account: Account) -> None:
    tx.execute(accounts.insert().values(id=account.id, name=account.name, created_at=account.created_at))


def by_id(tx: sa.Connection, account_id: UUID) -> Account | None:
    return _account(tx.execute(sa.select(accounts).where(accounts.c.id == account_id)).one_or_none())


def by_name(tx: sa.Connection, name: str) -> Account | None:
    return _account(tx.execute(sa.select(accounts).where(accounts.c.name == name)).one_or_none())


def count(tx: sa.Connection) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(accounts)).scalar_one())


def insert_credential(
    tx: sa.Connection, credential: Credential, secret_hash: bytes, secret_sealed: bytes | None
) -> None:
    tx.execute(
        credentials.insert().values(
            id=credential.id,
            account_id=credential.account_id,
            api=credential.api,
            kind=credential.kind,
            lookup=credential.lookup,
            secret_hash=secret_hash,
            secret_sealed=secret_sealed,
            scopes=sorted(credential.scopes),
            created_at=credential.created_at,
            revoked_at=credential.revoked_at,
        )
    )


def credential(tx: sa.Connection, lookup: str) -> tuple[Credential, bytes, bytes | None] | None:
    """The credential of that public part, the hash of its secret, and the sealed secret where it must sign."""
    row = tx.execute(sa.select(credentials).where(credentials.c.lookup == lookup)).one_or_none()
    return None if row is None else (_credential(row), row.secret_hash, row.secret_sealed)


def credential_of_kind(tx: sa.Connection, account_id: UUID, kind: str) -> tuple[Credential, bytes | None] | None:
    """The oldest credential of a kind that still stands, with its sealed secret."""
    row = tx.execute(
        sa.select(credentials)
        .where(credentials.c.account_id == account_id, credentials.c.kind == kind, credentials.c.revoked_at.is_(None))
        .order_by(credentials.c.created_at, credentials.c.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else (_credential(row), row.secret_sealed)


def list_credentials(tx: sa.Connection, account_id: UUID | None = None) -> list[Credential]:
    query = sa.select(credentials).order_by(credentials.c.created_at, credentials.c.id)
    if account_id is not None:
        query = query.where(credentials.c.account_id == account_id)
    return [_credential(row) for row in tx.execute(query)]


def revoke(tx: sa.Connection, credential_id: UUID, at: datetime) -> bool:
    """Whether there was a standing credential of that id."""
    done = tx.execute(
        credentials.update()
        .where(credentials.c.id == credential_id, credentials.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    return done.rowcount == 1


def _account(row: sa.Row[tuple[object, ...]] | None) -> Account | None:
    return None if row is None else Account(row.id, row.name, row.created_at)


def _credential(row: sa.Row[tuple[object, ...]]) -> Credential:
    return Credential(
        id=row.id,
        account_id=row.account_id,
        api=row.api,
        kind=row.kind,
        lookup=row.lookup,
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
