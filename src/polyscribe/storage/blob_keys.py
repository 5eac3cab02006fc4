"""What a key of a blob may look like, wherever the blobs lie."""

from __future__ import annotations

import re

PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
LONGEST = 255


def checked(key: str) -> str:
    """The key itself: names of letters, digits, `.`, `_` and `-`, with slashes between, none beginning with a dot.

    Raises:
        ValueError: it is not; keys are made by us, so that this is a mistake of ours.
    """
    if len(key) > LONGEST or not all(PART.fullmatch(part) for part in key.split("/")):
        raise ValueError("not a key of a blob")
    return key
