"""Odd models and files, one line a case, each with what becomes of it.

``case.py`` says what a case is, ``house.py`` has the server that meets it, and each table is named
for what is odd: operations, places, links, sizes, names, states, rows.
"""
