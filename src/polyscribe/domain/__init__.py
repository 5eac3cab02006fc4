"""The nouns and rules of transcription. Standard library only: no I/O, no clock, no randomness, no wire word."""
