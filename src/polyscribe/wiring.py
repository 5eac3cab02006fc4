"""Builds the application from the settings and picks the implementations behind the ports. Decides nothing else."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from polyscribe import apis, diarization, engines
from polyscribe.domain.errors import StoreFailed, Unavailable
from polyscribe.outbound import Allowed, Door
from polyscribe.ports import Abilities, BlobStore, Diarizer, Engine, Flow
from polyscribe.services import notices, transcriptions, upkeep, work
from polyscribe.services.app import App, Remote
from polyscribe.services.sealing import Sealer
from polyscribe.settings import Settings, open_data_dir
from polyscribe.storage.blobs_local import LocalBlobs
from polyscribe.storage.blobs_s3 import S3Blobs
from polyscribe.storage.database import Database, is_current, upgrade
from polyscribe.telemetry import emit

if TYPE_CHECKING:
    from starlette.types import ASGIApp


SLOTS_PER_PROCESS = 2
"""Recognitions in one worker process: two threads share the weights and are 1.75 times as fast as one."""

JOBS_PER_SLOT = 4
"""Jobs that are begun at once, for each recognition: while some wait for their download others are recognised."""

NOTICES = 16
"""Webhooks that are sent at once by one worker process."""

UPKEEP_EVERY_S = 300.0


class Installed:
    """The recognisers that are installed here, the preferred one first; each is loaded once, on first use."""

    def __init__(self, preferred: str, models: Path) -> None:
        found = {name: maker for name, maker in engines.makers().items() if engines.is_installed(maker)}
        if preferred != "auto" and preferred not in found:
            raise Unavailable(f"ENGINE is {preferred!r}, but installed are: {', '.join(found)}.")
        self._found = dict(sorted(found.items(), key=lambda each: each[0] != preferred))
        self._models = models
        self._loaded: dict[str, Engine] = {}
        self._loading = threading.Lock()

    def abilities(self) -> Mapping[str, Abilities]:
        return {name: engine.ABILITIES for name, engine in self._found.items()}

    def load(self, name: str) -> Engine:
        """Raises EngineFailed."""
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = engines.load(name, self._models)
            return self._loaded[name]


def models_dir(settings: Settings) -> Path:
    """Where prepared models are kept."""
    return settings.data_dir / "models"


def database(settings: Settings) -> Database:
    return Database(settings.database_url)


def migrate(settings: Settings) -> None:
    """Bring our tables and those of the job engine up to date. Raises StoreFailed."""
    from polyscribe.jobs import engine as jobs_engine

    base = database(settings)
    try:
        upgrade(base)
        jobs_engine.upgrade(base)
    finally:
        base.close()


def application(settings: Settings) -> App:
    """Everything that the verbs need. On SQLite the schema is brought up to date first.

    Raises:
        StoreFailed: the database does not answer, or its schema is old (PostgreSQL: `polyscribe migrate`).
    """
    from polyscribe.jobs.queue import DurableQueue

    open_data_dir(settings.data_dir)
    base = database(settings)
    if not _is_current(base):
        if not base.is_sqlite:
            raise StoreFailed("The database schema is old: run `polyscribe migrate`, or serve with --migrate.")
        migrate(settings)
    queue = DurableQueue(base)
    queue.warm()
    return App(
        database=base,
        blobs=_blobs(settings.blob_url),
        queue=queue,
        outbound=Door(Allowed.parse(settings.allowed_private_hosts)),
        engines=Installed(settings.engine, models_dir(settings)),
        sealer=Sealer(settings.secret_key.get_secret_value()),
        spool=settings.data_dir / "spool",
        faces={api.face.name: api.face for api in apis.found(settings.strict_limits) if api.face is not None},
        now=lambda: datetime.now(UTC),
        randomness=secrets.token_bytes,
        public_url=settings.public_url,
        remotes=_remotes(settings),
        retention_audio_h=settings.retention_audio_hours,
        retention_transcript_h=settings.retention_transcript_hours,
    )


def room(settings: Settings, slots: int = SLOTS_PER_PROCESS) -> work.Room:
    """Recognisers and the threads on which they run."""
    return work.Room(
        engine=Installed(settings.engine, models_dir(settings)).load,
        diarizer=_once(partial(diarization.load, models_dir(settings))),
        slots=ThreadPoolExecutor(slots, thread_name_prefix="recognise"),
    )


def web(settings: Settings) -> ASGIApp:
    """The application that answers HTTP: every API, health, metrics, documentation."""
    from polyscribe.observability import metrics
    from polyscribe.web.root import root

    app = application(settings)
    checks = {
        "database": lambda: _answers(app.database),
        "blobs": lambda: app.blobs.put("health/ready", b"ready"),
        "engine": lambda: _can_recognise(app),
    }
    return root(app, apis.found(settings.strict_limits), checks=checks, metrics=lambda: metrics(app))


def processes(settings: Settings) -> int:
    """How many worker processes give the wanted number of parallel recognitions."""
    return math.ceil(settings.workers / SLOTS_PER_PROCESS)


def work_until(settings: Settings, stop: threading.Event) -> None:
    """A worker process: takes jobs until `stop` is set, then lets running steps reach their next checkpoint."""
    from polyscribe.jobs.worker import Worker

    app = application(settings)
    slots = min(SLOTS_PER_PROCESS, settings.workers)
    here = room(settings, slots)
    flows: dict[str, Flow] = {
        transcriptions.FLOW: partial(work.transcribe, app, here),
        notices.FLOW: partial(notices.notify, app),
    }
    worker = Worker(
        app.database,
        flows,
        slots={transcriptions.FLOW: slots * JOBS_PER_SLOT, notices.FLOW: NOTICES},
        lease_dir=settings.data_dir / "leases",
        on_lost=partial(_lost, app),
    )
    worker.start()
    # Now, so that the first job does not wait for it.
    here.engine(next(iter(app.engines.abilities())))
    try:
        while not stop.wait(UPKEEP_EVERY_S):
            _keep_up(app)
    finally:
        here.ending.set()
        worker.drain(timeout_s=30.0)
        here.slots.shutdown(wait=False, cancel_futures=True)
        app.database.close()


def _keep_up(app: App) -> None:
    """A database that is away for a while is no reason to end; the next round does what this one could not."""
    try:
        upkeep.tidy(app)
    except StoreFailed as error:
        emit("upkeep_failed", reason=error.message)


def _lost(app: App, flow: str, key: str) -> None:
    if flow == transcriptions.FLOW:
        work.lose(app, key)


def _blobs(url: str) -> BlobStore:
    return S3Blobs(url) if url.startswith("s3://") else LocalBlobs(Path(url.removeprefix("file://")))


def _remotes(settings: Settings) -> dict[str, Remote]:
    twilio = settings.providers.twilio
    if twilio is None:
        return {}
    return {"twilio": Remote(twilio.base_url, twilio.account_sid, twilio.auth_token.get_secret_value())}


def _is_current(base: Database) -> bool:
    """Whether our tables and those of the job engine are those of this release."""
    from polyscribe.jobs import engine as jobs_engine

    return is_current(base) and jobs_engine.is_current(base)


def _answers(base: Database) -> None:
    if not _is_current(base):
        raise StoreFailed("The database schema is not up to date.")


def _can_recognise(app: App) -> None:
    if not app.engines.abilities():
        raise StoreFailed("No recogniser is installed.")


def _once(make: Callable[[], Diarizer]) -> Callable[[], Diarizer]:
    made: list[Diarizer] = []
    making = threading.Lock()

    def get() -> Diarizer:
        with making:
            if not made:
                made.append(make())
            return made[0]

    return get
