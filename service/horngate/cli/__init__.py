"""The ``horngate`` command: thin. Each command is one file that parses, calls, prints."""
