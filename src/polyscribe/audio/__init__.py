"""Bytes become samples: probe, decode, channels, speech. Knows no recogniser and no job."""
