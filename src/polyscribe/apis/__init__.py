"""The public APIs, one folder each, found by looking into this package; they never import each other."""
