"""One 128-bit identity for everything; every spelling of it (`RE…`, `txn_…`, UUID) belongs to an API."""

from __future__ import annotations

from uuid import UUID


def make(at_ms: int, random_80_bits: int) -> UUID:
    """A UUIDv7 (RFC 9562 §5.7) of an instant in Unix milliseconds and at least 74 random bits."""
    value = (at_ms & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random_80_bits >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random_80_bits & (1 << 62) - 1
    return UUID(int=value)
