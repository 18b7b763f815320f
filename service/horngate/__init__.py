"""Horngate: a model server for trained Keras models.

The folder tree is the architecture; ``docs/architecture.md`` walks through it. Callers want
``horngate.client``; everything else is the server's and the builder's.
"""

__version__ = "0.1.0"
