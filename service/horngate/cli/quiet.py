"""TensorFlow's C++ notices, kept off a user's terminal."""

from __future__ import annotations

import os


def quiet_tensorflow() -> None:
    """Ask for no more than fatal lines, unless the user has asked for something else.

    Call it before TensorFlow is imported. What goes wrong is raised as an exception all the same;
    what is left out are notices such as that a machine without a GPU has none.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
