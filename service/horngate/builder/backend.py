"""Publishing from a process whose Keras runs on JAX or torch: in another process, on TensorFlow.

Keras chooses its backend once a process. A ``.keras`` file is the same on all of them, so the model
goes through one. Both processes are this user's; what they hand over is in a folder of theirs.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from horngate.errors import HorngateError, PublishError

if TYPE_CHECKING:
    import keras

    from horngate.builder.publish import Published

_MODEL: Final = "model.keras"
_ASKED: Final = "asked"
_PUBLISHED: Final = "published"
_LINES: Final = 5


def publish_on_tensorflow(
    model: keras.Model, imports: Sequence[str], arguments: dict[str, Any]
) -> Published:
    """Publish ``model`` as ``publish_keras`` does, with its other ``arguments`` by name.

    Args:
        model: of a Keras on another backend.
        imports: files or modules with the code of the model's own layers.
        arguments: as ``publish_keras`` has them; they have to be picklable.

    Raises:
        PublishError: as ``publish_keras``; also where the model cannot be saved.
    """
    with tempfile.TemporaryDirectory(prefix="horngate-") as made:
        folder = Path(made)
        try:
            model.save(folder / _MODEL)
        except Exception as error:
            raise PublishError(
                f"{model.name}: expected a model that Keras can save, so that it can be published "
                f"on TensorFlow; Keras says: {error}"
            ) from error
        (folder / _ASKED).write_bytes(pickle.dumps((list(imports), arguments)))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        ran = subprocess.run(  # noqa: S603 - our own module, by the Python that runs this
            [sys.executable, "-m", "horngate.builder.backend", made],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            answer = pickle.loads((folder / _PUBLISHED).read_bytes())  # noqa: S301 - our own process wrote it
        except FileNotFoundError:
            said = "\n".join(ran.stderr.splitlines()[-_LINES:])
            raise PublishError(
                f"{model.name}: expected to be published on TensorFlow, in a process of its own, "
                f"which ended with {ran.returncode}: {said}"
            ) from None
    if isinstance(answer, tuple):
        message, detail = answer
        raise PublishError(message, detail=detail)
    published: Published = answer
    return published


def _answer(folder: Path) -> None:
    from horngate.builder.keras_file import import_code, load_keras  # noqa: PLC0415 - imports Keras
    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - the same

    imports, arguments = pickle.loads((folder / _ASKED).read_bytes())  # noqa: S301 - our own process wrote it
    answer: Any
    try:
        # A Lambda's code comes from the process that asked, which has run it already.
        model = load_keras(folder / _MODEL, custom=import_code(imports), allow_lambda=True)
        answer = publish_keras(model, **arguments)
    except HorngateError as error:
        answer = (str(error), error.detail)
    (folder / _PUBLISHED).write_bytes(pickle.dumps(answer))


if __name__ == "__main__":
    _answer(Path(sys.argv[1]))
