"""A server in its sandbox serves all that it should; a model that is trusted gets no further."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.errors import HorngateError, PermissionDenied, Unauthenticated
from horngate.server import sandbox
from tests.photos import encoded, noise
from tests.serving import RunningServer, wait_until
from tests.small_models import constant, two_inputs

pytestmark = pytest.mark.skipif(
    bool(sandbox._missing(sandbox.landlock_version())), reason="needs a kernel with all of it"
)

ROOT = Path(__file__).parents[3]


class Place:
    """A repository, and a secret beside it."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.secret = folder / "secret"
        self.secret.write_text("the secret")
        (folder / "etc").mkdir()
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.socket = folder / "run" / "grpc.sock"
        self.socket.parent.mkdir()
        self.tokens = folder / "etc" / "tokens.toml"
        self.allow("first")
        publish_keras(two_inputs(), self.models, "compiled")
        publish_keras(two_inputs(), self.models, "plain", compiled=False)
        self.save_reader()

    def allow(self, token: str) -> None:
        """Know ``token`` and no other, from a new file in the place of the old."""
        new = self.tokens.with_suffix(".new")
        digest = hashlib.sha256(token.encode()).hexdigest()
        new.write_text(f'[caller]\nsha256 = "{digest}"\npredict = ["*"]\n')
        new.rename(self.tokens)

    def save_reader(self) -> None:
        """A model that reads, or writes, whatever file it is told to."""
        module = tf.Module()

        def act(path: tf.Tensor) -> tf.Tensor:
            write = tf.strings.regex_full_match(path, "write:.*")
            name = tf.strings.regex_replace(path, "^write:", "")

            def written() -> tf.Tensor:
                with tf.control_dependencies([tf.io.write_file(name, "written")]):
                    return tf.constant("")

            def read() -> tf.Tensor:
                return tf.cond(path == "", lambda: "", lambda: tf.io.read_file(path))

            return tf.cond(write, written, read)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "path")])  # type: ignore[untyped-decorator]  # TensorFlow ships no types
        def answer(path: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"content": tf.map_fn(act, path)}

        module.answer = answer
        tf.saved_model.save(module, str(self.models / "reader" / "1"), signatures=answer)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[RunningServer]:
    place.allow("first")
    flags = ("--sandbox", "required", "--trust-model-ops", "--tokens-file", str(place.tokens))
    environment = os.environ | {"TMPDIR": str(place.temporary)}
    socket = f"--grpc-socket-path={place.socket}"
    with RunningServer(place.models, *flags, socket, environment=environment) as server:
        yield server


def test_pictures_are_decoded(running: RunningServer) -> None:
    """What decodes them is imported with the first, behind the walls."""
    image = encoded(noise(9, 7, 1), "PNG")
    with Client(running.address, token="first") as client:  # noqa: S106 - no secret
        answer = client.predict("compiled", {"image": [image], "context": np.zeros((1, 3), "f4")})
    assert answer["probabilities"].sum() == pytest.approx(1, abs=1e-5)


def read(server: RunningServer, path: str) -> bytes:
    with Client(server.address, token="first") as client:  # noqa: S106 - no secret
        content = client.predict("reader", {"path": np.array([path], object)})["content"]
    return bytes(content[0])


def test_both_engines_serve(running: RunningServer) -> None:
    inputs = {"image": np.zeros((1, 4, 4, 1), "f4"), "context": np.zeros((1, 3), "f4")}
    with Client(running.address, token="first") as client:  # noqa: S106 - no secret
        for model, engine in (("compiled", "onnx"), ("plain", "tensorflow")):
            assert client.predict(model, inputs)["probabilities"].shape == (1, 3)
            (available,) = [
                line
                for line in running.log
                if line.get("event") == "available" and line.get("model") == model
            ]
            assert available["engine"] == engine
    assert running.log[0]["event"] == "confined"
    assert running.log[0]["enforced"] == list(sandbox.PARTS)


def test_a_unix_socket_is_made_within_it(running: RunningServer, place: Place) -> None:
    inputs = {"image": np.zeros((1, 4, 4, 1), "f4"), "context": np.zeros((1, 3), "f4")}
    with Client(f"unix:{place.socket}", token="first") as client:  # noqa: S106 - no secret
        assert client.predict("compiled", inputs)["probabilities"].shape == (1, 3)


def test_a_trusted_model_reads_and_writes_no_file_but_the_servers(
    running: RunningServer, place: Place
) -> None:
    assert read(running, str(place.models / "reader" / "1" / "saved_model.pb"))
    for path in (place.secret, Path("/etc/passwd")):
        with pytest.raises(HorngateError):
            read(running, str(path))
    for path in (place.secret, place.models / "added", place.tokens):
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(HorngateError):
            read(running, f"write:{path}")
        assert (path.read_bytes() if path.exists() else None) == before


def test_what_is_renewed_and_added_is_taken(
    running: RunningServer, place: Place, tmp_path: Path
) -> None:
    name = f"added-{running.grpc_port}"
    publish_keras(constant(1), place.models, name)
    running.wait_for_log("available", model=name)
    x = {"x": np.ones((1, 1), "f4")}
    with Client(running.address, token="first") as client:  # noqa: S106 - no secret
        assert client.predict(name, x)["y"].item() == 2
    place.allow("second")

    def known() -> bool:
        with Client(running.address, token="second") as client:  # noqa: S106 - no secret
            try:
                client.predict(name, x)
            except (Unauthenticated, PermissionDenied):
                return False
        return True

    wait_until(known, "the new token to be known")
    place.allow("first")


def test_the_reference_models_serve() -> None:
    with RunningServer(ROOT / "models", "--sandbox", "required") as server:
        image = np.zeros((1, 28, 28, 1), "f4")
        with Client(server.address) as client:
            assert client.predict("mnist_cnn", {"image": image})
