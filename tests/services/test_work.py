import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from polyscribe import models
from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.domain.recording import Recording
from polyscribe.domain.transcript import Fate, unaccounted
from polyscribe.domain.transcription import Limits, Status, Transcription, Wanted
from polyscribe.pipeline.recording import recognise
from polyscribe.services import access, media, notices, recordings, transcriptions, work
from polyscribe.services.app import App
from polyscribe.storage import transcriptions as stored
from polyscribe.testing import FakeDiarizer, FakeEngine, FakeOutbound, FakeQueue, FakeSteps
from sounds import repeated, tone, write_wav

URL = "https://media.example/call.wav"


@pytest.fixture
def room() -> work.Room:
    engine = FakeEngine()
    return work.Room(lambda _: engine, FakeDiarizer, ThreadPoolExecutor(2))


@pytest.fixture
def owner(app: App) -> UUID:
    return access.create_account(app, "Acme")[0].id


@pytest.fixture
def outbound(app: App) -> FakeOutbound:
    assert isinstance(app.outbound, FakeOutbound)
    app.outbound.files[URL] = models.asset("beckett.wav")
    return app.outbound


def waiting(app: App, owner: UUID, **changes: object) -> Transcription:
    plain = Transcription(app.new_id(), owner, "plain", Status.WAITING, Wanted(), app.now(), app.now(), url=URL)
    return transcriptions.create(app, replace(plain, **changes)).transcription  # type: ignore[arg-type]


def run(app: App, room: work.Room) -> None:
    assert isinstance(app.queue, FakeQueue)
    app.queue.run(
        {
            transcriptions.FLOW: partial(work.transcribe, app, room),
            notices.FLOW: partial(notices.notify, app),
        }
    )


def now(app: App, transcription: Transcription) -> Transcription:
    return transcriptions.find(app, transcription.account_id, "plain", transcription.id)


def test_a_url_becomes_a_transcript(app: App, room: work.Room, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner)

    run(app, room)

    done = now(app, asked)
    transcript = transcriptions.transcript(app, asked.id)
    assert done.status is Status.DONE
    assert done.done_ms == done.duration_ms == transcript.duration_ms
    assert "word1" in transcript.text


def test_every_millisecond_is_accounted_for(app: App, room: work.Room, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner)

    run(app, room)

    transcript = transcriptions.transcript(app, asked.id)
    assert unaccounted(transcript.stretches, transcript.channels, transcript.duration_ms) == []
    assert {stretch.fate for stretch in transcript.stretches} == {Fate.RECOGNISED, Fate.NO_SPEECH}


def test_the_audio_is_kept_and_the_spool_is_empty(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    asked = waiting(app, owner)

    run(app, room)

    with app.database.reading() as tx:
        notes = stored.work_of(tx, asked.id)
    assert app.blobs.size(str(notes.blob_key)) == models.asset("beckett.wav").stat().st_size
    assert list(app.spool.iterdir()) == []


def test_silence_is_done_without_a_word(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound, tmp_path: Path
) -> None:
    outbound.files[URL] = write_wav(tmp_path / "silence.wav", tone(3.0, level=0.0))
    asked = waiting(app, owner)

    run(app, room)

    assert now(app, asked).status is Status.DONE
    assert transcriptions.transcript(app, asked.id).segments == ()


def test_the_customer_is_told_of_the_end_with_the_text(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    asked = waiting(app, owner, wire={"callback": "https://app.example/hook"})

    run(app, room)

    assert [json.loads(sent.body)["status"] for sent in outbound.sent] == ["done"]
    assert json.loads(outbound.sent[0].body)["text"] == transcriptions.transcript(app, asked.id).text


def test_a_missing_file_fails_with_its_reason_and_the_customer_is_told(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    asked = waiting(app, owner, url="https://media.example/none.wav", wire={"callback": "https://app.example/hook"})

    run(app, room)

    failed = now(app, asked)
    assert failed.status is Status.FAILED
    assert failed.fault is not None
    assert (failed.fault.kind, failed.fault.fault) == ("fetch", "not_found")
    assert [json.loads(sent.body)["status"] for sent in outbound.sent] == ["failed"]


def test_a_passing_fault_of_the_host_is_overcome(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    class Shaky(FakeOutbound):
        def fetch(self, url: str, into: Path, **options: object) -> object:  # type: ignore[override]
            if not self.fetched:
                self.fetched.append((url, None))
                raise FetchFailed(FetchFault.UNAVAILABLE, "The media host answered 503.", 503)
            return super().fetch(url, into, **options)  # type: ignore[arg-type]

    shaky = replace(app, outbound=Shaky(files=outbound.files))
    asked = waiting(shaky, owner)

    run(shaky, room)

    assert now(shaky, asked).status is Status.DONE


def test_what_is_no_audio_fails_with_its_reason(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound, tmp_path: Path
) -> None:
    page = tmp_path / "page.wav"
    page.write_text("<html><body>Not found</body></html>")
    outbound.files[URL] = page
    asked = waiting(app, owner)

    run(app, room)

    failed = now(app, asked)
    assert failed.fault is not None
    assert (failed.status, failed.fault.kind) == (Status.FAILED, "source")


def test_too_short_for_the_api_fails(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound, tmp_path: Path
) -> None:
    face = app.faces["plain"]
    strict = replace(app, faces={"plain": replace(face, limits=Limits(10_000_000, 600_000, min_ms=2_000))})
    outbound.files[URL] = write_wav(tmp_path / "short.wav", tone(1.0))
    asked = waiting(strict, owner)

    run(strict, room)

    failed = now(strict, asked)
    assert failed.fault is not None
    assert failed.fault.fault == "too_short"
    assert list(app.spool.iterdir()) == []


def test_a_language_that_no_engine_knows_fails(app: App, room: work.Room, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner, wanted=Wanted(language="de-DE"))

    run(app, room)

    failed = now(app, asked)
    assert failed.fault is not None
    assert "faster-whisper" in failed.fault.message


def test_a_recording_of_the_own_store_is_transcribed(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    path = models.asset("beckett.wav")
    recording = Recording(
        app.new_id(), owner, None, "audio/x-wav", 0, "", 1000, 1, app.now(), app.now()
    )  # fmt: skip
    recordings.take_in(app, recording, path)
    asked = waiting(app, owner, url=None, recording_id=recording.id)

    run(app, room)

    assert now(app, asked).status is Status.DONE
    assert outbound.fetched == []


def test_words_of_one_channel_get_their_speakers_when_asked_for(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    asked = waiting(app, owner, wanted=Wanted(diarize=True))

    run(app, room)

    speakers = {word.speaker for segment in transcriptions.transcript(app, asked.id).segments for word in segment.words}
    assert speakers == {0, 1}


def test_a_conversation_is_kept_where_the_api_wants_one(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    asked = waiting(app, owner, wire={"keep": True})

    run(app, room)

    kept = transcriptions.conversation_ids(app, [asked.id])[asked.id]
    assert transcriptions.conversation(app, owner, kept).transcription_id == asked.id


def test_a_canceled_one_stays_canceled(app: App, room: work.Room, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner, wire={"callback": "https://app.example/hook"})
    transcriptions.cancel(app, asked)

    asyncio.run(work.transcribe(app, room, FakeSteps(), str(asked.id)))

    assert now(app, asked).status is Status.CANCELED
    assert outbound.sent == []


def test_one_that_is_canceled_while_it_is_recognised_stops(app: App, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner)

    class Cancelling(FakeEngine):
        def recognise(self, clips, language):  # type: ignore[no-untyped-def]
            if self.calls == 0:
                transcriptions.cancel(app, now(app, asked))
            return super().recognise(clips, language)

    engine = Cancelling()
    run(app, work.Room(lambda _: engine, FakeDiarizer, ThreadPoolExecutor(1)))

    assert now(app, asked).status is Status.CANCELED
    assert engine.calls <= work.IN_FLIGHT


def test_a_killed_job_goes_on_with_the_pieces_that_are_left(
    app: App, owner: UUID, outbound: FakeOutbound, tmp_path: Path
) -> None:
    outbound.files[URL] = repeated(models.asset("beckett.wav"), 6, tmp_path / "long.wav")
    asked = waiting(app, owner)
    key, steps = str(asked.id), FakeSteps()
    work.begin(app, key)
    media.fetch(app, now(app, asked))
    plan = media.prepare(app, now(app, asked))
    with media.sound(app, now(app, asked)) as sound:
        heard = recognise(sound, plan.pieces[0], plan, FakeEngine(), None)
    with app.database.transaction() as tx:
        stored.note(tx, asked.id, plan=plan.to_json())
        stored.put_piece(tx, asked.id, 0, heard.to_json(), 1)
    engine = FakeEngine()

    rest = work.Room(lambda _: engine, FakeDiarizer, ThreadPoolExecutor(1))
    asyncio.run(work.transcribe(app, rest, steps, key))

    assert engine.calls == len(plan.pieces) - 1 > 0
    assert now(app, asked).status is Status.DONE


def test_running_the_whole_job_twice_changes_nothing(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    asked = waiting(app, owner, wire={"callback": "https://app.example/hook"})
    run(app, room)
    first = (now(app, asked), transcriptions.transcript(app, asked.id))

    asyncio.run(work.transcribe(app, room, FakeSteps(), str(asked.id)))

    assert (now(app, asked), transcriptions.transcript(app, asked.id)) == first
    assert len(outbound.sent) == 1


def test_a_job_that_the_engine_gave_up_has_failed(app: App, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner)
    work.begin(app, str(asked.id))

    work.lose(app, str(asked.id))

    failed = now(app, asked)
    assert failed.fault is not None
    assert (failed.status, failed.fault.fault) == (Status.FAILED, "lost")


def test_deleting_takes_everything_along(app: App, room: work.Room, owner: UUID, outbound: FakeOutbound) -> None:
    asked = waiting(app, owner, wire={"keep": True, "callback": "https://app.example/hook"})
    run(app, room)

    transcriptions.delete(app, now(app, asked))

    assert list((app.spool.parent / "blobs").rglob("*.*")) == []
    assert transcriptions.page(app, owner, "plain", transcriptions.Filter(), None, 10) == []


def test_one_that_is_deleted_while_its_audio_arrives_leaves_none_behind(
    app: App, room: work.Room, owner: UUID, outbound: FakeOutbound
) -> None:
    class Overtaken(FakeOutbound):
        def fetch(self, url: str, into: Path, **options: object) -> object:  # type: ignore[override]
            fetched = super().fetch(url, into, **options)  # type: ignore[arg-type]
            transcriptions.delete(app, now(app, asked))
            return fetched

    overtaken = replace(app, outbound=Overtaken(files=outbound.files))
    asked = waiting(overtaken, owner)

    run(overtaken, room)

    assert [path for path in (app.spool.parent / "blobs").rglob("*") if path.is_file()] == []
    assert list(app.spool.iterdir()) == []


def test_a_progress_that_grows_is_seen_while_it_works(
    app: App, owner: UUID, outbound: FakeOutbound, tmp_path: Path
) -> None:
    outbound.files[URL] = repeated(models.asset("beckett.wav"), 6, tmp_path / "long.wav")
    asked = waiting(app, owner)
    seen: list[int] = []

    class Watching(FakeEngine):
        def recognise(self, clips, language):  # type: ignore[no-untyped-def]
            seen.append(now(app, asked).done_ms)
            return super().recognise(clips, language)

    engine = Watching()
    run(app, work.Room(lambda _: engine, FakeDiarizer, ThreadPoolExecutor(1)))

    assert seen == sorted(seen)
    assert len(set(seen)) > 1
    assert now(app, asked).done_ms == now(app, asked).duration_ms
