"""Recognisers, one folder each, found by looking into this package."""
