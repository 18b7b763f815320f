"""A Keras file as a model: with the code that its user names, and none that the file carries.

Knows no repository and no SavedModel.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

import keras

from horngate.errors import PublishError

LONGEST_SAID: Final = 600
"""Characters of what Keras says, which may quote a whole model."""

_UNKNOWN: Final = re.compile(
    r"Could not locate (?P<kind>class|function) '(?P<name>[^']+)'"
    r"|Unknown (?P<old>\w+): '(?P<old_name>[^']+)'"
)
"""Keras' words for what it cannot find; the second of the ``.h5`` format."""


def load_keras(
    path: Path, *, custom: Mapping[str, Any] | None = None, allow_lambda: bool = False
) -> keras.Model:
    """The model in a ``.keras`` or ``.h5`` file.

    Args:
        path: the file.
        custom: classes and functions by name, beside those that are registered with Keras.
        allow_lambda: whether Python code that the file carries may run, now and at each call.

    Raises:
        PublishError: it cannot be read as one.
    """
    try:
        return keras.saving.load_model(
            path,
            custom_objects=dict(custom or {}),
            compile=False,  # losses and metrics are not served
            safe_mode=not allow_lambda,
        )
    except Exception as error:
        raise PublishError(f"{path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    words = str(error)
    unknown = _UNKNOWN.search(words)
    if unknown is not None:
        kind, name = unknown["kind"] or unknown["old"], unknown["name"] or unknown["old_name"]
        name = name.rpartition(">")[2]  # before it stands what the author registered it under
        return (
            f"expected a model of what Keras knows, received the {kind} {name!r}; name the code "
            "that defines it: --import layers.py, or imports=[…] of publish_keras"
        )
    if "safe_mode" in words:
        return (
            "expected a model without code of its own, received a Lambda layer, whose Python code "
            "is in the file; if you trust whoever wrote it, --allow-lambda runs that code; better, "
            "make the layer a class and name it with --import"
        )
    said = " ".join(words.split())
    if len(said) > LONGEST_SAID:
        said = f"{said[:LONGEST_SAID]}…"
    return f"expected a Keras model; Keras says: {said}"


def import_code(names: Iterable[str]) -> dict[str, Any]:
    """Run each file or module, and give its classes and functions by name for Keras to find.

    Args:
        names: paths that end in ``.py``, or names of modules. Those of the folder that the command
            was typed in, or of the file, are found too.

    Raises:
        PublishError: one cannot be imported; with what it raised, and in which line.
    """
    found: dict[str, Any] = {}
    for name in names:
        module = _imported(name)
        found |= {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, type | FunctionType) and not key.startswith("__")
        }
    return found


def _imported(name: str) -> ModuleType:
    file = Path(name) if name.endswith(".py") else None
    if file is not None and not file.is_file():
        raise PublishError(f"--import {name}: expected a .py file or a module; not found")
    try:
        if file is not None:
            return _run(file.resolve())
        _search(Path.cwd())
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise PublishError(
                f"--import {name}: expected a module of this folder or of the environment, or a "
                "file that ends in .py; not found"
            ) from error
        raise PublishError(
            f"--import {name}: expected code that can be imported, received "
            f"{type(error).__name__}: {error}{_where(error)}"
        ) from error


def _run(file: Path) -> ModuleType:
    _search(file.parent)  # for what it imports in its turn
    name = re.sub(r"\W", "_", file.stem)
    if name in sys.modules or _origin(name) not in (None, str(file)):
        name = f"_imported_{name}"  # a file of one's own takes no library's place
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _origin(name: str) -> str | None:
    """Where a module of that name would come from; None where there is none."""
    spec = importlib.util.find_spec(name)
    return None if spec is None else spec.origin or ""


def _search(folder: Path) -> None:
    """Have modules of ``folder`` found, after all others."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _where(error: BaseException) -> str:
    """The line of the imported code that raised; "" where there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" in {error.filename}, line {error.lineno}"
    ours = (__file__, importlib.__file__, importlib.util.__file__)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename not in ours and not frame.filename.startswith("<frozen"):
            return f" in {frame.filename}, line {frame.lineno}"
    return ""
