"""The lines that the page gives to copy: each is run as it is, and gives the page's answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from playwright.sync_api import Page, expect

from horngate.protocols.oip.tensor import decode
from horngate.protocols.pb.inference import grpc_service_pb2 as pb
from horngate.tensors import Array
from tests.conftest import Served
from tests.serving import RunningServer, tokens_file
from tests.web.conftest import ODD, TEAM, Open
from tests.web.drawing import draw

KINDS = ("curl", "horngate.client", "tensorflow-serving-api", "tritonclient", "grpcurl")
HEREDOC = re.compile(r"<<'END'\n(.*)\nEND", re.DOTALL)


def line(page: Page, kind: str) -> str:
    """The line of ``kind``, as it is copied."""
    page.get_by_role("radio", name=kind, exact=True).check(force=True)
    code = page.locator("#line")
    expect(code).to_contain_text(
        {"curl": "curl -s", "grpcurl": "GRPCInferenceService"}.get(kind, "import")
    )
    if kind == "horngate.client":
        expect(code).to_contain_text("from horngate.client import")
    if kind == "tensorflow-serving-api":
        expect(code).to_contain_text("tensorflow_serving")
    if kind == "tritonclient":
        expect(code).to_contain_text("tritonclient")
    page.get_by_role("button", name="copy").click()
    expect(page.get_by_text("copied")).to_be_visible()
    copied: str = page.evaluate("navigator.clipboard.readText()")
    assert copied == code.inner_text()
    return copied


def run(kind: str, code: str, folder: Path) -> dict[str, Array]:
    """The outputs that ``code`` gives, run where the page's file was saved."""
    if kind == "curl":
        done = subprocess.run(
            ["/bin/bash", "-c", code], cwd=folder, check=True, capture_output=True
        )
        if (folder / "answer.bin").exists():
            return of_binary((folder / "answer.bin").read_bytes())
        told = json.loads(done.stdout)
        return {
            each["name"]: np.array(each["data"], each["datatype"].replace("FP", "float").lower())
            for each in told["outputs"]
        }
    if kind == "grpcurl":
        return of_grpcurl(code, folder)
    names: dict[str, Any] = {}
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(compile(code, kind, "exec"), names)  # noqa: S102 - the very thing that is tested
    finally:
        os.chdir(before)
    return {name: np.asarray(each) for name, each in names["outputs"].items()}


def of_binary(body: bytes) -> dict[str, Array]:
    end = json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]
    rest, outputs = body[end:], {}
    for each in json.loads(body[:end])["outputs"]:
        size = each["parameters"]["binary_data_size"]
        outputs[each["name"]], rest = np.frombuffer(rest[:size], np.float32), rest[size:]
    return outputs


def of_grpcurl(code: str, folder: Path) -> dict[str, Array]:
    """No grpcurl is here: its message is read by protobuf's JSON, as it reads it, and sent."""
    if code.startswith("{"):  # made by a pipe, of the file
        made = code.rpartition(" |\n")[0]
        text = subprocess.run(
            ["/bin/bash", "-c", made], cwd=folder, check=True, capture_output=True, text=True
        ).stdout
    else:
        (text,) = HEREDOC.findall(code)
    request = json_format.Parse(text, pb.ModelInferRequest())
    (address,) = re.findall(r"-d @ (\S+) inference\.GRPCInferenceService/ModelInfer", code)
    token = re.findall(r'-H "authorization: Bearer \$HORNGATE_TOKEN"', code)
    metadata = (("authorization", f"Bearer {os.environ['HORNGATE_TOKEN']}"),) if token else None
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        reply = ask(request, timeout=30, metadata=metadata)
    raw = iter(reply.raw_output_contents)
    return {
        tensor.name: decode(tensor, None if tensor.HasField("contents") else next(raw))
        for tensor in reply.outputs
    }


def shown(page: Page, model: str, output: str) -> list[float]:
    """The values that the page shows, in the order of the classes."""
    node = page.get_by_label(f"Answer of {model}", exact=True).get_by_label(
        f"Output {output}", exact=True
    )
    bars = node.locator(".bars .share").all_inner_texts()
    if bars:
        return [float(each.removesuffix(" %")) / 100 for each in bars]
    values = node.locator(".value").all()
    return [float(each.evaluate("node => node.lastChild.textContent")) for each in values]


def settled(page: Page, model: str) -> None:
    """The page's answer to what was set last is there."""
    node = page.get_by_label(f"Answer of {model}", exact=True)
    expect(node).to_have_attribute("aria-busy", "false")
    expect(node.locator(".by")).to_contain_text("version")
    expect(page.locator("#line")).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_gives_the_pages_answer(
    digits: RunningServer, open_page: Open, tmp_path: Path, clipboard: dict[str, Any], kind: str
) -> None:
    page = open_page(digits, "/models/mnist_fusion/try", **clipboard)
    page.get_by_role("button", name="9", exact=True).click()
    expect(page.locator(".winner b")).to_have_text("9")
    page.get_by_label("Version of mnist_fusion").select_option("1")
    settled(page, "mnist_fusion")
    outputs = run(kind, line(page, kind), tmp_path)
    seen = shown(page, "mnist_fusion", "probabilities")
    assert np.allclose(outputs["probabilities"].ravel(), seen, atol=1e-3)
    assert int(outputs["probabilities"].argmax()) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_words_of_any_script_go_into_a_line(
    server: RunningServer, open_page: Open, tmp_path: Path, clipboard: dict[str, Any], kind: str
) -> None:
    page = open_page(server, "/models/words/try", **clipboard)
    page.get_by_label("word", exact=True).fill("""it's "horn" \\n $HOME `ls` 「家」\u2028""")
    page.get_by_label("count 0, 0").fill("3")
    settled(page, "words")
    expect(page.locator("#line")).to_contain_text("家")
    outputs = run(kind, line(page, kind), tmp_path)
    assert np.allclose(outputs["scores"].ravel(), shown(page, "words", "scores"), rtol=1e-3)
    assert outputs["echo"].ravel().tolist() == [3, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_any_kind_go_into_a_line(
    odd_names: RunningServer, open_page: Open, tmp_path: Path, clipboard: dict[str, Any], kind: str
) -> None:
    page = open_page(odd_names, "/models/odd/try", **clipboard)
    for name in ODD[:2]:
        page.get_by_label(f"{name} 1, exactly", exact=True).fill("2.5")
        page.get_by_label(f"{name} 1, exactly", exact=True).press("Enter")
    settled(page, "odd")
    outputs = run(kind, line(page, kind), tmp_path)
    seen = shown(page, "odd", ODD[2])
    assert np.allclose(outputs[ODD[2]].ravel(), seen, rtol=1e-3)
    assert seen[1] == 5.0


@pytest.fixture(scope="module")
def large(
    small_models: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A model of large pictures, behind tokens."""
    import keras  # noqa: PLC0415 - slow

    from horngate.builder.publish import publish_keras  # noqa: PLC0415 - imports TensorFlow

    folder = tmp_path_factory.mktemp("large")
    photo = keras.Input((200, 180, 3), name="photo")
    means = keras.layers.GlobalAveragePooling2D(name="means")(photo)
    publish_keras(keras.Model(photo, means), folder / "models", "means")
    flags = tokens_file(folder, f'[team]\ntoken = "{TEAM}"\npredict = ["*"]\n')
    with RunningServer(folder / "models", *flags) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_input_is_saved_and_read(
    large: RunningServer,
    open_page: Open,
    tmp_path: Path,
    clipboard: dict[str, Any],
    kind: str,
) -> None:
    page = open_page(large, "/models/means/try", **clipboard)
    page.get_by_role("textbox", name="Token").fill(TEAM)
    page.get_by_role("button", name="Enter").click()
    page.get_by_label("Colour").fill("#ff8000")
    draw(page, [[(0.1, 0.1), (0.8, 0.6)]], brush=20)
    settled(page, "means")
    copied = line(page, kind)
    assert TEAM not in copied
    with page.expect_download() as saving:
        page.get_by_role("link", name="save horngate-request.bin").click()
    saving.value.save_as(tmp_path / "horngate-request.bin")
    (output,) = run(kind, copied, tmp_path).values()
    seen = shown(page, "means", "means")
    assert np.allclose(output.ravel(), seen, rtol=1e-3)
    assert output.ravel()[0] > output.ravel()[1] > output.ravel()[2] >= 0
