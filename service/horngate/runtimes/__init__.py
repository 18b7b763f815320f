"""The only rooms that know an engine: each loads a folder into a ``Servable``."""
