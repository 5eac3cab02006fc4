"""What a step came to, as plain JSON that outlives the process: a value, or one of our own errors with its facts."""

from __future__ import annotations

from typing import Any

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

Facts = dict[str, Any]


def write(error: PolyscribeError) -> Facts:
    facts: Facts = {"kind": type(error).__name__, "message": error.message}
    match error:
        case FetchFailed():
            return {**facts, "fault": error.fault.value, "status": error.status}
        case SourceFailed() | EngineFailed():
            return {**facts, "fault": error.fault.value}
        case BadInput():
            return {**facts, "field": error.field}
        case TooMany():
            return {**facts, "wait_s": error.wait_s}
    return facts


def read(facts: Facts) -> PolyscribeError:
    """The error that `write` wrote down."""
    message = facts["message"]
    match facts["kind"]:
        case "FetchFailed":
            return FetchFailed(FetchFault(facts["fault"]), message, facts["status"])
        case "SourceFailed":
            return SourceFailed(SourceFault(facts["fault"]), message)
        case "EngineFailed":
            return EngineFailed(EngineFault(facts["fault"]), message)
        case "BadInput":
            return BadInput(message, facts["field"])
        case "TooMany":
            return TooMany(message, facts["wait_s"])
    kind: type[PolyscribeError] = getattr(errors, facts["kind"])
    return kind(message)
