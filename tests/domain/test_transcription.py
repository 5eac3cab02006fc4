from datetime import UTC, datetime
from uuid import UUID

import pytest

from polyscribe.domain.errors import Conflict
from polyscribe.domain.transcription import FINAL, NEXT, Status, Transcription, Wanted, moved

AT = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 5, 2, tzinfo=UTC)


def transcription(status: Status) -> Transcription:
    return Transcription(UUID(int=1), UUID(int=2), "twilio_voice_v3", status, Wanted(), AT, AT)


@pytest.mark.parametrize("was", Status)
@pytest.mark.parametrize("becomes", Status)
def test_only_moves_of_the_table_are_made(was: Status, becomes: Status) -> None:
    if becomes in NEXT[was]:
        after = moved(transcription(was), becomes, LATER)

        assert (after.status, after.updated_at) == (becomes, LATER)
    else:
        with pytest.raises(Conflict):
            moved(transcription(was), becomes, LATER)


def test_done_failed_and_canceled_are_final() -> None:
    assert {Status.DONE, Status.FAILED, Status.CANCELED} == FINAL


def test_every_final_state_is_reached_from_working() -> None:
    assert NEXT[Status.WORKING] == FINAL
