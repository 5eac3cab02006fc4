import json
from functools import partial
from uuid import UUID

import pytest

from polyscribe.domain.delivery import DeliveryState, Notice
from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.domain.transcription import Status, Transcription, Wanted
from polyscribe.services import access, notices
from polyscribe.services.app import App
from polyscribe.storage import deliveries
from polyscribe.testing import FakeOutbound, FakeQueue, Put

NOTICE = Notice("ended", "POST", "https://app.example/hook", "application/json", b'{"status":"done"}')


@pytest.fixture
def done(app: App) -> Transcription:
    owner = access.create_account(app, "Acme")[0].id
    return Transcription(app.new_id(), owner, "plain", Status.DONE, Wanted(), app.now(), app.now())


def tell(app: App, about: Transcription, answers: list[int | FetchFailed]) -> list[Put]:
    outbound, queue = app.outbound, app.queue
    assert isinstance(outbound, FakeOutbound)
    assert isinstance(queue, FakeQueue)
    outbound.answers = list(answers)
    with app.database.transaction() as tx:
        notices.enqueue(app, tx, about, [NOTICE])
    return queue.run({notices.FLOW: partial(notices.notify, app)})


def state(app: App, subject: UUID) -> DeliveryState:
    with app.database.reading() as tx:
        return deliveries.of_subject(tx, subject)[0].state


def test_a_receiver_that_answers_is_told_once(app: App, done: Transcription) -> None:
    tell(app, done, [200])

    assert len(app.outbound.sent) == 1  # type: ignore[attr-defined]
    assert state(app, done.id) is DeliveryState.DELIVERED


def test_the_same_bytes_are_sent_every_time_and_signed_with_the_accounts_secret(app: App, done: Transcription) -> None:
    tell(app, done, [503, FetchFailed(FetchFault.TIMED_OUT, "No answer."), 204])

    sent = app.outbound.sent  # type: ignore[attr-defined]
    secret = access.signing_secret(app, done.account_id, access.TWILIO_TOKEN)
    assert [each.body for each in sent] == [NOTICE.body] * 3
    assert {each.headers["X-Signed-With"] for each in sent} == {secret}
    assert state(app, done.id) is DeliveryState.DELIVERED


def test_attempts_wait_as_the_schedule_says(app: App, done: Transcription) -> None:
    run = tell(app, done, [503, 503, 503])

    assert [job.wait_s for job in run] == [0.0, 5.0, 30.0]
    assert state(app, done.id) is DeliveryState.GAVE_UP


def test_a_refusal_ends_it(app: App, done: Transcription) -> None:
    run = tell(app, done, [404])

    assert len(run) == 1
    assert state(app, done.id) is DeliveryState.GAVE_UP


def test_what_was_delivered_is_not_sent_again_when_its_job_runs_twice(app: App, done: Transcription) -> None:
    first = tell(app, done, [200])
    queue = app.queue
    assert isinstance(queue, FakeQueue)
    queue.jobs.append(first[0])

    queue.run({notices.FLOW: partial(notices.notify, app)})

    assert len(app.outbound.sent) == 1  # type: ignore[attr-defined]


def enqueue_in_vain(app: App, done: Transcription) -> None:
    with app.database.transaction() as tx:
        notices.enqueue(app, tx, done, [NOTICE])
        raise ZeroDivisionError


def test_a_rolled_back_transaction_tells_nobody(app: App, done: Transcription) -> None:
    queue = app.queue
    assert isinstance(queue, FakeQueue)

    with pytest.raises(ZeroDivisionError):
        enqueue_in_vain(app, done)

    assert queue.jobs == []


def test_the_outcome_of_every_attempt_is_written_down(app: App, done: Transcription) -> None:
    tell(app, done, [503, 200])

    with app.database.reading() as tx:
        delivery = deliveries.of_subject(tx, done.id)[0]
    assert (delivery.attempts, delivery.last_status, json.loads(delivery.body)) == (2, 200, {"status": "done"})
