"""Every error of the tree survives being written down."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from polyscribe.domain import errors
from polyscribe.domain.errors import (
    BadInput,
    EngineFailed,
    EngineFault,
    FetchFailed,
    FetchFault,
    PolyscribeError,
    SourceFailed,
    SourceFault,
    TooMany,
)
from polyscribe.jobs.outcomes import read, write

SPECIAL = [
    *(FetchFailed(fault, "a", 404) for fault in FetchFault),
    FetchFailed(FetchFault.UNRESOLVED, "a"),
    *(SourceFailed(fault, "b") for fault in SourceFault),
    *(EngineFailed(fault, "c") for fault in EngineFault),
    BadInput("d", "field.name"),
    BadInput("d"),
    TooMany("e", 2.5),
]


def kinds(root: type[PolyscribeError] = PolyscribeError) -> Iterator[type[PolyscribeError]]:
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from kinds(kind)


PLAIN = [kind("f") for kind in kinds() if kind not in {type(error) for error in SPECIAL}]


@pytest.mark.parametrize("error", [*SPECIAL, *PLAIN], ids=repr)
def test_an_error_comes_back_as_it_was(error: PolyscribeError) -> None:
    again = read(json.loads(json.dumps(write(error))))

    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)
