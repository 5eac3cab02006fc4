"""The history of our own tables, one file per step under `versions/`, written by hand. Steps go forward only.

`tests/storage/test_database.py` fails, and shows the difference, when the steps do not lead to `storage.tables`.
"""
