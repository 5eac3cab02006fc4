"""Tell customers' servers: one durable job for each attempt, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from polyscribe.delivery.schedule import Again, Delivered, GaveUp, Outcome, judge
from polyscribe.domain.delivery import Delivery, DeliveryState, Notice
from polyscribe.domain.errors import FetchFailed
from polyscribe.domain.transcription import Transcription
from polyscribe.ports import Steps
from polyscribe.services import access
from polyscribe.services.app import App
from polyscribe.storage import deliveries
from polyscribe.telemetry import emit

FLOW = "notify"


def enqueue(app: App, tx: sa.Connection, transcription: Transcription, notices: list[Notice]) -> None:
    """Write the deliveries and their first attempts down, in the transaction of the state they tell of."""
    now = app.now()
    for notice in notices:
        delivery = Delivery(
            id=app.new_id(),
            account_id=transcription.account_id,
            api=transcription.api,
            subject_id=transcription.id,
            event=notice.event,
            method=notice.method,
            url=notice.url,
            media_type=notice.media_type,
            body=notice.body,
            state=DeliveryState.WAITING,
            attempts=0,
            created_at=now,
            updated_at=now,
        )
        deliveries.insert(tx, delivery)
        app.queue.put(tx, FLOW, f"{delivery.id}:1", tenant=str(transcription.account_id), priority=5)


async def notify(app: App, steps: Steps, key: str) -> None:
    """The durable job of attempt n of a delivery; `key` is `delivery id:n`."""
    delivery_id, _, number = key.partition(":")
    answered = await steps.run("send", _send, app, delivery_id)
    await steps.run("settle", _settle, app, delivery_id, int(number), answered)


def _send(app: App, delivery_id: str) -> Mapping[str, Any]:
    with app.database.reading() as tx:
        delivery = deliveries.by_id(tx, UUID(delivery_id))
    if delivery is None or delivery.state is not DeliveryState.WAITING:
        return {"status": None, "fault": None, "gone": True}
    face = app.faces[delivery.api]
    secret = None
    if face.signing_kind is not None:
        secret = access.signing_secret(app, delivery.account_id, face.signing_kind)
    url, headers = face.sign(delivery, secret)
    try:
        answer = app.outbound.send(
            delivery.method, url, headers=headers, body=delivery.body, allow_http=face.allow_http
        )
    except FetchFailed as error:
        return {"status": None, "fault": error.fault.value, "gone": False}
    return {"status": answer.status, "fault": None, "gone": False}


def _settle(app: App, delivery_id: str, attempts: int, answered: Mapping[str, Any]) -> None:
    if answered["gone"]:
        return
    with app.database.transaction() as tx:
        delivery = deliveries.by_id(tx, UUID(delivery_id))
        if delivery is None:
            return
        outcome = judge(app.faces[delivery.api].schedule, attempts, answered["status"], answered["fault"])
        deliveries.attempted(
            tx, delivery.id, attempts, _state(outcome), answered["status"], answered["fault"], app.now()
        )
        if isinstance(outcome, Again):
            next_attempt = f"{delivery.id}:{attempts + 1}"
            tenant = str(delivery.account_id)
            app.queue.put(tx, FLOW, next_attempt, tenant=tenant, wait_s=outcome.wait_s, priority=5)
    why = None if isinstance(outcome, Delivered) else outcome.why
    emit("delivery_attempted", delivery=delivery_id, attempt=attempts, outcome=type(outcome).__name__, why=why)


def _state(outcome: Outcome) -> DeliveryState:
    match outcome:
        case Delivered():
            return DeliveryState.DELIVERED
        case Again():
            return DeliveryState.WAITING
        case GaveUp():
            return DeliveryState.GAVE_UP
