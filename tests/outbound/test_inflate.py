import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyscribe.domain.errors import FetchFailed, FetchFault
from polyscribe.outbound.inflate import inflated

PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes, "": bytes}


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(st.binary(max_size=3000), st.sampled_from(sorted(PACKERS)), st.integers(1, 500))
def test_unpacking_undoes_packing_however_it_is_cut(data: bytes, coding: str, size: int) -> None:
    packed = PACKERS[coding](data)

    assert b"".join(inflated(pieces(packed, size), coding, 1 << 20)) == data


def test_several_gzip_members_are_one_content() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two")

    assert b"".join(inflated(pieces(packed, 7), "gzip", 1 << 20)) == b"one two"


def test_a_bomb_unfolds_in_small_pieces() -> None:
    unfolding = inflated([gzip.compress(bytes(10 << 20))], "gzip", 1 << 20)

    assert max(len(piece) for piece in unfolding) <= 64 * 1024


def refused(packed: bytes, coding: str, max_bytes: int = 1 << 20) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        list(inflated(pieces(packed, 100), coding, max_bytes))
    return caught.value


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_other_codings_are_refused(coding: str) -> None:
    assert refused(b"x", coding).fault is FetchFault.REFUSED


def test_what_is_not_packed_as_it_says_is_refused() -> None:
    assert refused(b"RIFF" * 100, "gzip").fault is FetchFault.REFUSED


def test_what_ends_too_early_may_come_whole_another_time() -> None:
    assert refused(gzip.compress(b"abc")[:-4], "gzip").fault is FetchFault.UNAVAILABLE
    assert refused(b"", "gzip").fault is FetchFault.UNAVAILABLE


def test_what_unpacks_to_nothing_does_not_go_on_for_ever() -> None:
    assert refused(gzip.compress(b"") * 1000, "gzip", max_bytes=1000).fault is FetchFault.TOO_LARGE
