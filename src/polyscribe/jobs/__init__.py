"""The adapter to the durable job engine (DBOS Transact, its MIT core). Nothing outside this package knows it.

Importing `dbos` costs more than a second, so that it is imported when work begins and not before.
"""
