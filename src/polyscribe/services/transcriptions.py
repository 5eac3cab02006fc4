"""Ask for a transcription, watch it, read its transcript, call it off, forget it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from polyscribe.domain.errors import Conflict, NotFound
from polyscribe.domain.transcript import Segment, Transcript
from polyscribe.domain.transcription import FINAL, Status, Transcription, moved
from polyscribe.services.app import App
from polyscribe.storage import conversations, deliveries, transcriptions, transcripts
from polyscribe.storage.conversations import Conversation as Conversation
from polyscribe.storage.transcriptions import Filter as Filter

IDEMPOTENCY_WINDOW = timedelta(hours=24)
FLOW = "transcribe"


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key and the hash of the request that carried it."""

    key: str
    request_sha256: str


@dataclass(frozen=True, slots=True)
class Created:
    """A new transcription; or, `repeated`, the one that the same idempotency key made before.

    `same_request` is False when the key came with another body this time.
    """

    transcription: Transcription
    repeated: bool = False
    same_request: bool = True


def create(app: App, transcription: Transcription, key: Key | None = None) -> Created:
    """Write the transcription and its job down in one transaction: accepted means it will be done."""
    if key is not None and (before := _remembered(app, transcription, key)) is not None:
        return before
    try:
        with app.database.transaction() as tx:
            transcriptions.insert(tx, transcription)
            if key is not None:
                _remember(app, tx, transcription, key)
            app.queue.put(tx, FLOW, str(transcription.id), tenant=str(transcription.account_id))
    except IntegrityError as error:
        repeated = None if key is None else _remembered(app, transcription, key)
        if repeated is None:
            raise Conflict("The transcription exists already.") from error
        return repeated
    return Created(transcription)


def made_before(app: App, account_id: UUID, api: str, key: str) -> Transcription | None:
    """The transcription that an idempotency key stands for, while its window lasts."""
    with app.database.reading() as tx:
        found = transcriptions.remembered(tx, account_id, api, key, app.now() - IDEMPOTENCY_WINDOW)
        return None if found is None else transcriptions.by_id(tx, found[0])


def find(app: App, account_id: UUID, api: str, transcription_id: UUID) -> Transcription:
    """Raises NotFound, also for one of another account or another API."""
    with app.database.reading() as tx:
        found = transcriptions.by_id(tx, transcription_id)
    if found is None or found.account_id != account_id or found.api != api:
        raise NotFound("There is no such transcription.")
    return found


def page(
    app: App,
    account_id: UUID,
    api: str,
    wanted: Filter,
    at: tuple[datetime, UUID] | None,
    limit: int,
    *,
    backwards: bool = False,
) -> list[Transcription]:
    """Newest first, behind the one whose (created_at, id) is `at`; `backwards`: those just in front of it."""
    with app.database.reading() as tx:
        return transcriptions.page(tx, account_id, api, wanted, at, limit, backwards=backwards)


def transcript(app: App, transcription_id: UUID) -> Transcript:
    """The whole result. Raises NotFound while there is none."""
    with app.database.reading() as tx:
        found = transcripts.by_id(tx, transcription_id)
    if found is None:
        raise NotFound("There is no transcript yet.")
    return found


def segments(app: App, transcription_id: UUID, first: int, limit: int) -> list[Segment]:
    """Segments from number `first`, at most `limit`; empty while there is no transcript."""
    with app.database.reading() as tx:
        return transcripts.page(tx, transcription_id, first, limit)


def cancel(app: App, transcription: Transcription) -> Transcription:
    """Stop it before it ends. Raises Conflict when it has ended already."""
    canceled = moved(transcription, Status.CANCELED, app.now())
    with app.database.transaction() as tx:
        if not transcriptions.save(tx, canceled, transcription.status):
            raise Conflict("The transcription has moved on in the meantime.")
    app.queue.cancel(FLOW, str(transcription.id))
    return canceled


def delete(app: App, transcription: Transcription) -> None:
    """Stop it if it runs; then its transcript, conversation, media and row are gone."""
    if transcription.status not in FINAL:
        app.queue.cancel(FLOW, str(transcription.id))
    with app.database.transaction() as tx:
        notes = transcriptions.work_of(tx, transcription.id)
        conversations.delete_of_transcription(tx, transcription.id)
        transcripts.delete(tx, transcription.id)
        deliveries.delete_of_subject(tx, transcription.id)
        transcriptions.delete(tx, transcription.id)
    if notes.blob_key is not None and transcription.recording_id is None:
        app.blobs.delete(notes.blob_key)


def conversation(app: App, account_id: UUID, conversation_id: UUID) -> Conversation:
    """Raises NotFound."""
    with app.database.reading() as tx:
        found = conversations.by_id(tx, account_id, conversation_id)
    if found is None:
        raise NotFound("There is no such conversation.")
    return found


def conversation_ids(app: App, transcription_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The conversations that transcriptions were kept as, by transcription."""
    with app.database.reading() as tx:
        return conversations.ids_of_transcriptions(tx, transcription_ids)


def conversation_page(
    app: App,
    account_id: UUID,
    at: tuple[datetime, UUID] | None,
    limit: int,
    *,
    source_id: UUID | None = None,
    backwards: bool = False,
) -> list[Conversation]:
    """Newest first, as `page`; `source_id` restricts to those of one recording or of one call."""
    with app.database.reading() as tx:
        return conversations.page(tx, account_id, at, limit, source_id=source_id, backwards=backwards)


def counts(app: App) -> dict[Status, int]:
    """How many stand in each state, of all accounts."""
    with app.database.reading() as tx:
        return transcriptions.counts(tx)


def _remember(app: App, tx: sa.Connection, transcription: Transcription, key: Key) -> None:
    owner, api = transcription.account_id, transcription.api
    expired = app.now() - IDEMPOTENCY_WINDOW
    transcriptions.forget(tx, owner, api, key.key, expired)
    transcriptions.remember(tx, owner, api, key.key, transcription.id, key.request_sha256, app.now())


def _remembered(app: App, transcription: Transcription, key: Key) -> Created | None:
    with app.database.reading() as tx:
        found = transcriptions.remembered(
            tx, transcription.account_id, transcription.api, key.key, app.now() - IDEMPOTENCY_WINDOW
        )
        before = None if found is None else transcriptions.by_id(tx, found[0])
    if found is None or before is None:
        return None
    return Created(before, repeated=True, same_request=found[1] == key.request_sha256)
