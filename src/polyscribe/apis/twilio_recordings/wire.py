"""The words of Twilio's API of 2010. Source: contract "Twilio Voice v3 Batch Transcription" §C."""

from __future__ import annotations

from typing import Any

VERSION = "2010-04-01"
ACCOUNT = f"/{VERSION}/Accounts/{{account}}"
MEDIA_TYPES = {"": "wav", "wav": "wav", "mp3": "mp3"}
"""Extension of a recording's address → the form of its media; without one it is WAV."""

DEFAULT_SOURCE = "DialVerb"
MAX_BYTES = 3_221_225_472
"""What is fetched from an upstream at most."""
DEFAULT_PAGE, LARGEST_PAGE = 50, 1000

Json = dict[str, Any]
