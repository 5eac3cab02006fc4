"""The tables of our own schema. Knows columns and keys; the modules beside it know the questions.

Instants are whole microseconds since 1970 (one order on every database); ids are UUIDs.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime, stored as whole microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


def place(table: sa.Table, at: tuple[datetime, Any] | None = None) -> sa.Tuple:
    """(created_at, id), by which every list is ordered: of the rows of a table, or of the one row that is at `at`."""
    columns = (table.c.created_at, table.c.id)
    if at is None:
        return sa.tuple_(*columns)
    return sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(at, columns, strict=True)))


def part(
    query: sa.Select[Any],
    table: sa.Table,
    at: tuple[datetime, Any] | None,
    limit: int,
    *,
    newest_first: bool,
    backwards: bool,
) -> sa.Select[Any]:
    """The rows of a list behind the one that is at `at`; `backwards`: those in front of it, the nearest first."""
    is_falling = newest_first != backwards
    columns = (table.c.created_at, table.c.id)
    if at is not None:
        query = query.where(place(table) < place(table, at) if is_falling else place(table) > place(table, at))
    return query.order_by(*(column.desc() if is_falling else column for column in columns)).limit(limit)


def _id(name: str = "id", **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), **options)


def _owner() -> sa.Column[Any]:
    return sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), nullable=False)


accounts = sa.Table(
    "accounts",
    metadata,
    _id(primary_key=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
)

credentials = sa.Table(
    "credentials",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("api", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("lookup", sa.String(120), nullable=False, unique=True),
    sa.Column("secret_hash", sa.LargeBinary, nullable=False),
    sa.Column("secret_sealed", sa.LargeBinary),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Index(None, "account_id", "api"),
)

configurations = sa.Table(
    "configurations",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("api", sa.String(40), nullable=False),
    sa.Column("unique_name", sa.String(255)),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("account_id", "api", "unique_name"),
    sa.Index(None, "account_id", "api", "created_at", "id"),
)

calls = sa.Table(
    "calls",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("direction", sa.String(20), nullable=False),
    sa.Column("from_address", sa.String(255)),
    sa.Column("to_address", sa.String(255)),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("duration_ms", sa.BigInteger),
)

recordings = sa.Table(
    "recordings",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("call_id", sa.Uuid(), sa.ForeignKey("calls.id")),
    sa.Column("blob_key", sa.String(255)),
    sa.Column("remote_url", sa.Text),
    sa.Column("media_type", sa.String(100), nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("deleted_at", Instant),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Index(None, "account_id", "created_at", "id"),
)

transcriptions = sa.Table(
    "transcriptions",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("api", sa.String(40), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("wanted", sa.JSON, nullable=False),
    sa.Column("url", sa.Text),
    sa.Column("recording_id", sa.Uuid(), sa.ForeignKey("recordings.id")),
    sa.Column("configuration_id", sa.Uuid()),
    sa.Column("language", sa.String(40)),
    sa.Column("participants", sa.JSON, nullable=False),
    sa.Column("audio_started_at", Instant),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("done_ms", sa.BigInteger, nullable=False),
    sa.Column("fault", sa.JSON),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index(None, "account_id", "api", "created_at", "id"),
    sa.Index(None, "account_id", "recording_id"),
)

work = sa.Table(
    "work",
    metadata,
    sa.Column("transcription_id", sa.Uuid(), sa.ForeignKey("transcriptions.id"), primary_key=True),
    sa.Column("blob_key", sa.String(255)),
    sa.Column("media_type", sa.String(100)),
    sa.Column("size_bytes", sa.BigInteger),
    sa.Column("plan", sa.JSON),
    sa.Column("turns", sa.JSON),
)

pieces = sa.Table(
    "pieces",
    metadata,
    sa.Column("transcription_id", sa.Uuid(), sa.ForeignKey("transcriptions.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("result", sa.JSON, nullable=False),
)

transcripts = sa.Table(
    "transcripts",
    metadata,
    sa.Column("transcription_id", sa.Uuid(), sa.ForeignKey("transcriptions.id"), primary_key=True),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("missing_ms", sa.BigInteger, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("language", sa.String(40), nullable=False),
    sa.Column("engine", sa.String(80), nullable=False),
    sa.Column("stretches", sa.JSON, nullable=False),
)

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("transcription_id", sa.Uuid(), sa.ForeignKey("transcriptions.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("channel", sa.Integer, nullable=False),
    sa.Column("start_ms", sa.BigInteger, nullable=False),
    sa.Column("end_ms", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float),
    sa.Column("speaker", sa.Integer),
    sa.Column("words", sa.JSON, nullable=False),
)

conversations = sa.Table(
    "conversations",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("transcription_id", sa.Uuid(), sa.ForeignKey("transcriptions.id"), nullable=False, unique=True),
    sa.Column("wire", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index(None, "account_id", "created_at", "id"),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("api", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("request_sha256", sa.String(64), nullable=False),
    sa.Column("subject_id", sa.Uuid(), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    _id(primary_key=True),
    _owner(),
    sa.Column("api", sa.String(40), nullable=False),
    sa.Column("subject_id", sa.Uuid(), nullable=False),
    sa.Column("event", sa.String(80), nullable=False),
    sa.Column("method", sa.String(10), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("media_type", sa.String(100), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_fault", sa.String(200)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index(None, "subject_id"),
)

executors = sa.Table(
    "executors",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("lock_file", sa.Text),
)
