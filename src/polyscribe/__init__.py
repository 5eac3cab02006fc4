"""Polyscribe: one transcription engine room behind several public APIs."""

__version__ = "0.1.0"
