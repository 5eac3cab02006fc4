"""A recording becomes a transcript: sound in, values out. Knows neither storage nor network."""
