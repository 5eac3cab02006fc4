"""The verbs that all APIs call."""
