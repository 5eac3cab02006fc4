"""Everything that can go wrong, as one tree. Each API turns it into its own codes by a table.

PolyscribeError
├── Refused                     the request cannot be served as asked; never retried
│   ├── BadInput                a value is missing, malformed or out of range
│   ├── NotAuthenticated        no valid credential
│   ├── NotAllowed              a valid credential without the right
│   ├── NotFound                nothing of that name in this account
│   ├── Conflict                the name is taken, or the state does not allow it
│   ├── Unavailable             no installed engine, model or setting can do this
│   └── TooMany                 a rate or a quota is used up
└── Failed                      accepted work that went wrong; `retryable` says whether trying again can help
    ├── FetchFailed             the media address did not give us the media
    ├── SourceFailed            the media is not audio that we can or may transcribe
    ├── EngineFailed            a recogniser or diarizer gave up
    └── StoreFailed             the database or the blob store did

Messages are shown to customers: they never carry secrets, transcripts or paths of this machine.
"""

from __future__ import annotations

from enum import StrEnum


class PolyscribeError(Exception):
    """Root of the tree; `message` is one sentence that a customer may read."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(PolyscribeError):
    """The request cannot be served as asked. Asking again gives the same answer."""


class BadInput(Refused):
    """A value is missing, malformed or out of range; `field` is its path, dots between levels."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotAuthenticated(Refused):
    """No credential, or one that we do not know."""


class NotAllowed(Refused):
    """The credential is valid but lacks the right."""


class NotFound(Refused):
    """Nothing of that name in this account; things of other accounts are not found either."""


class Conflict(Refused):
    """The name is taken, or the state of the thing does not allow the act."""


class Unavailable(Refused):
    """Nothing that is installed and configured here can do it; the message names what would."""


class TooMany(Refused):
    """A rate or quota is used up; `wait_s` is when to ask again."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Failed(PolyscribeError):
    """Accepted work went wrong. Subclasses say whether trying again can help."""

    retryable = False


class FetchFault(StrEnum):
    """Why an address did not give us its content."""

    UNRESOLVED = "unresolved"
    FORBIDDEN_ADDRESS = "forbidden_address"
    NOT_FOUND = "not_found"
    NOT_AUTHORIZED = "not_authorized"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BAD_ADDRESS = "bad_address"


RETRYABLE_FETCH_FAULTS = frozenset({FetchFault.UNAVAILABLE, FetchFault.TIMED_OUT})


class FetchFailed(Failed):
    """The media address did not give us the media. `status` is the HTTP status, where there was one.

    `wait_s` is how long the server asked us to stay away, where it did.
    """

    def __init__(self, fault: FetchFault, message: str, status: int | None = None, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.status = status
        self.wait_s = wait_s
        self.retryable = fault in RETRYABLE_FETCH_FAULTS


class SourceFault(StrEnum):
    """Why a file is not audio that we can or may transcribe."""

    EMPTY = "empty"
    NO_AUDIO = "no_audio"
    NOT_AUDIO = "not_audio"
    FORMAT_NOT_ALLOWED = "format_not_allowed"
    CORRUPT = "corrupt"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_LARGE = "too_large"
    RATE_TOO_LOW = "rate_too_low"
    RATE_TOO_HIGH = "rate_too_high"
    TOO_MANY_CHANNELS = "too_many_channels"
    RESOURCE_LIMIT = "resource_limit"


class SourceFailed(Failed):
    """The media is not audio that we can or may transcribe. Trying again cannot help."""

    def __init__(self, fault: SourceFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class EngineFault(StrEnum):
    """Why a recogniser or diarizer gave up."""

    NOT_INSTALLED = "not_installed"
    LANGUAGE_UNSUPPORTED = "language_unsupported"
    UNINTELLIGIBLE = "unintelligible"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    INTERNAL = "internal"


class EngineFailed(Failed):
    """A recogniser or diarizer gave up; a crash or time-out is worth another try."""

    def __init__(self, fault: EngineFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.retryable = fault in {EngineFault.CRASHED, EngineFault.TIMED_OUT}


class StoreFailed(Failed):
    """The database or the blob store did not answer; trying again can help."""

    retryable = True
