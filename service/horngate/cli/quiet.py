"""TensorFlow's C++ notices, kept off a user's terminal."""

from __future__ import annotations

import os


def quiet_tensorflow() -> None:
    """Ask for no more than fatal lines, unless the user has asked for something else.

    Call it before TensorFlow is imported. What goes wrong is raised as an exception all the same;
    what is left out are notices such as which instructions the processor has. Those that TensorFlow
    2.21 writes while its libraries load come before it reads the setting. They are let through: a
    redirected standard error would also swallow the one line that says why an import aborted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def quiet_grpc() -> None:
    """Ask gRPC's core for nothing, unless the user has asked for something else.

    Call it before gRPC is imported. It writes a line for each handshake that fails and for each
    deadline that cannot be read, and whoever sends those would fill the log. What fails inside the
    server is raised as an exception.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
