from hypothesis import given
from hypothesis import strategies as st

from polyscribe.domain import ids

INSTANTS = st.integers(min_value=0, max_value=(1 << 48) - 1)
RANDOM = st.integers(min_value=0, max_value=(1 << 80) - 1)


@given(INSTANTS, RANDOM)
def test_an_id_is_a_uuid_of_version_7_that_begins_with_its_instant(at_ms: int, random: int) -> None:
    made = ids.make(at_ms, random)

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == at_ms


@given(INSTANTS, INSTANTS, RANDOM, RANDOM)
def test_later_ids_sort_behind_earlier_ones(first: int, second: int, a: int, b: int) -> None:
    one, other = ids.make(first, a), ids.make(second, b)

    assert (one < other) == (first < second) or first == second


@given(INSTANTS, RANDOM, RANDOM)
def test_74_random_bits_tell_ids_of_one_instant_apart(at_ms: int, a: int, b: int) -> None:
    used = (1 << 80) - 1 ^ (0b111111 << 62)

    assert (ids.make(at_ms, a) == ids.make(at_ms, b)) == (a & used == b & used)
