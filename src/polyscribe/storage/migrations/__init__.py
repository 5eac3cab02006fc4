"""The history of our own tables, one file per step under `versions/`. Steps go forward only."""
