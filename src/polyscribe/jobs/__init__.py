"""The adapter to the durable job engine. No other package knows which one it is."""
