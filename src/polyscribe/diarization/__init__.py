"""Who spoke: implementations of the port `Diarizer`."""
