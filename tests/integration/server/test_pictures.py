"""A JPEG in place of a tensor is answered as Keras' own pipeline answers it, by every way in."""

from __future__ import annotations

import base64
import json
import queue
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import keras
import numpy as np
import pytest
import tensorflow as tf
import tritonclient.grpc as triton
from keras import layers
from tensorflow_serving.apis import classification_pb2, prediction_service_pb2_grpc

from horngate.builder.publish import publish_keras
from horngate.client import Client
from horngate.client.messages import annotated
from horngate.errors import HorngateError, InvalidRequest
from horngate.tensors import Array
from tests.conftest import Command
from tests.integration.builder.models import pictures
from tests.photos import encoded, noise, photo, png_head, turned
from tests.serving import RunningServer

LABELS = ("cat", "dog", "fox")
PHOTOS = [photo(48, 64, seed) for seed in range(3)]


def beside() -> keras.Model:
    """A photo and what is known beside it."""
    image, known = keras.Input((6, 8, 1), name="image"), keras.Input((2,), name="known")
    joined = layers.Concatenate()([layers.Flatten()(image), known])
    return keras.Model([image, known], layers.Dense(2, name="score")(joined))


class Served(NamedTuple):
    server: RunningServer
    models: dict[str, keras.Model]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    keras.utils.set_random_seed(7)
    folder = tmp_path_factory.mktemp("models")
    models = {
        "plain": pictures(),
        "rescaled": pictures([layers.Rescaling(1 / 255)]),
        "signed": pictures([layers.Rescaling(1 / 127.5, offset=-1)]),
        "any_size": pictures([layers.Rescaling(1 / 255)], size=None),
        "beside": beside(),
    }
    for name, model in models.items():
        # Weights that tell pictures apart, and a wrong range from the right one.
        for weight in model.trainable_variables:
            weight.assign(weight * 3)
        labels = None if name == "beside" else LABELS
        publish_keras(model, folder, name, labels=labels)
    with RunningServer(folder) as server:
        yield Served(server, models)


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    with Client(served.server.address) as client:
        yield client


def kerass(served: Served, name: str, data: bytes, folder: Path) -> Array:
    """What Keras' own pipeline makes of a picture, [1, classes]."""
    path = folder / "picture"
    path.write_bytes(data)
    pixels: Array = np.asarray(keras.utils.load_img(path), np.float32)
    model = served.models[name]
    if name != "any_size":
        pixels = tf.image.resize(pixels, model.inputs[0].shape[1:3]).numpy()
    if name == "plain":
        pixels = pixels / 255
    answer: Array = np.asarray(model(pixels[np.newaxis]))
    return answer


def predicted(client: Client, name: str, photos: Array, **more: Any) -> Array:
    return client.predict(name, {"photo": photos, **more})["kind"]


def files(*data: bytes) -> Array:
    return np.array([*data, None], object)[:-1]


@pytest.mark.parametrize("name", ["plain", "rescaled", "signed"])
def test_horngate_predict_answers_as_kerass_own_pipeline(
    served: Served, horngate: Command, tmp_path: Path, name: str
) -> None:
    data = encoded(noise(8, 8), "PNG")
    (tmp_path / "photo.png").write_bytes(data)
    given = f"photo=@{tmp_path / 'photo.png'}"
    asked = ("predict", name, "--server", served.server.address, "--input", given)
    wanted = kerass(served, name, data, tmp_path)
    status, out, err = horngate(*asked, "--json")
    assert (status, err) == (0, "")
    received = json.loads(out)
    np.testing.assert_allclose(received["outputs"]["kind"], wanted, atol=2e-5)
    assert received["labels"] == {"kind": list(LABELS)}
    # The range that is asked for is taken in place of the one that is recorded.
    wrong = {"plain": "--pixels=0..255", "rescaled": "--pixels=0..1", "signed": "--pixels=-1..1"}
    _, out, _ = horngate(*asked, "--json", wrong[name])
    assert np.abs(np.array(json.loads(out)["outputs"]["kind"]) - wanted).max() > 0.01
    _, out, _ = horngate(*asked)
    bars = out.splitlines()[3:]
    assert [line.split()[0] for line in bars] == list(LABELS)
    assert [line.endswith("◀") for line in bars].index(True) == int(wanted.argmax())


@pytest.mark.parametrize("name", ["plain", "rescaled", "signed", "any_size"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "grey", "clear"])
def test_the_answer_is_that_of_keras_own_pipeline(
    served: Served, client: Client, tmp_path: Path, name: str, kind: str
) -> None:
    data = {
        "JPEG": photo(),
        "PNG": encoded(noise(30, 20), "PNG"),
        "grey": encoded(noise(30, 20, 1), "PNG"),
        "clear": encoded(np.dstack([noise(20, 20), noise(20, 20, 1)]), "PNG"),
    }[kind]
    wanted = kerass(served, name, data, tmp_path)
    assert np.ptp(wanted) > 0.05, "an answer that says something"
    np.testing.assert_allclose(predicted(client, name, files(data)), wanted, atol=2e-5)


def test_several_pictures_are_rows_of_one_request(
    served: Served, client: Client, tmp_path: Path
) -> None:
    wanted = np.concatenate([kerass(served, "rescaled", each, tmp_path) for each in PHOTOS])
    for shape in ((3,), (3, 1)):
        received = predicted(client, "rescaled", files(*PHOTOS).reshape(shape))
        np.testing.assert_allclose(received, wanted, atol=2e-5)
    scalar = predicted(client, "rescaled", np.array(PHOTOS[0], object))
    np.testing.assert_allclose(scalar, wanted[:1], atol=2e-5)


def test_a_picture_that_lies_on_its_side_is_turned(served: Served, client: Client) -> None:
    pixels = noise(30, 20)
    upright = predicted(client, "rescaled", files(encoded(np.rot90(pixels, -1), "PNG")))
    lying = predicted(client, "rescaled", files(turned(pixels, 6)))
    np.testing.assert_allclose(lying, upright, atol=2e-5)


def test_tensors_are_taken_as_ever(served: Served, client: Client) -> None:
    pixels = noise(8, 8).astype(np.float32)[np.newaxis]
    wanted = np.asarray(served.models["rescaled"](pixels))
    np.testing.assert_allclose(predicted(client, "rescaled", pixels), wanted, atol=2e-5)


def test_what_is_beside_a_picture_stays_a_tensor(served: Served, client: Client) -> None:
    known = np.array([[1, 2], [3, 4]], np.float32)
    answer = client.predict("beside", {"image": files(*PHOTOS[:2]), "known": known})["score"]
    alone = [
        client.predict("beside", {"image": files(data), "known": row[np.newaxis]})["score"]
        for data, row in zip(PHOTOS[:2], known, strict=True)
    ]
    np.testing.assert_allclose(answer, np.concatenate(alone), atol=1e-4)
    with pytest.raises(InvalidRequest, match="missing 'known'"):
        client.predict("beside", {"image": files(b"not looked at")})
    with pytest.raises(InvalidRequest, match="inputs disagree on the number of rows"):
        client.predict("beside", {"image": files(*PHOTOS), "known": known})


def by_rest(served: Served, photos: list[bytes]) -> Array:
    rows = [{"photo": {"b64": base64.b64encode(each).decode()}} for each in photos]
    reply = served.server.rest("/v1/models/rescaled:predict", {"instances": rows})
    assert reply.status == 200, reply.text
    return np.array(json.loads(reply.text)["predictions"])


def by_rest_columns(served: Served, photos: list[bytes]) -> Array:
    values = [{"b64": base64.b64encode(each).decode()} for each in photos]
    reply = served.server.rest("/v1/models/rescaled:predict", {"inputs": {"photo": values}})
    assert reply.status == 200, reply.text
    return np.array(json.loads(reply.text)["outputs"])


def by_oip_rest(served: Served, photos: list[bytes]) -> Array:
    data = [{"b64": base64.b64encode(each).decode()} for each in photos]
    tensor = {"name": "photo", "datatype": "BYTES", "shape": [len(data)], "data": data}
    reply = served.server.rest("/v2/models/rescaled/infer", {"inputs": [tensor]})
    assert reply.status == 200, reply.text
    return np.array(json.loads(reply.text)["outputs"][0]["data"]).reshape(-1, 3)


def test_a_file_is_the_whole_body(served: Served, client: Client) -> None:
    """``curl --data-binary @photo.jpg``."""
    headers = {"Inference-Header-Content-Length": "0"}

    def posted(data: bytes) -> Array:
        path = "/v2/models/rescaled/infer"
        request = urllib.request.Request(
            f"http://127.0.0.1:{served.server.http_port}{path}", data, headers
        )
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - http, as above
            length = reply.headers.get("Inference-Header-Content-Length")
            body: bytes = reply.read()
        if length is None:
            return np.array(json.loads(body)["outputs"][0]["data"], np.float32)[np.newaxis]
        return np.frombuffer(body[int(length) :], np.float32)[np.newaxis]

    for data in (PHOTOS[0], encoded(noise(30, 20), "PNG")):
        wanted = predicted(client, "rescaled", files(data))
        np.testing.assert_allclose(posted(data), wanted, rtol=1e-6)
    pixels = noise(8, 8).astype(np.float32)
    wanted = predicted(client, "rescaled", pixels[np.newaxis])
    np.testing.assert_array_equal(posted(pixels.tobytes()), wanted)
    # A tensor that begins as a file does is one.
    pixels.reshape(-1).view(np.uint8)[:8] = np.frombuffer(b"\x89PNG\r\n\x1a\n", np.uint8)
    assert np.isfinite(posted(pixels.tobytes())).all()


def _input(photos: list[bytes]) -> triton.InferInput:
    tensor = triton.InferInput("photo", [len(photos)], "BYTES")
    tensor.set_data_from_numpy(files(*photos))
    return tensor


def by_triton(served: Served, photos: list[bytes]) -> Array:
    with triton.InferenceServerClient(served.server.address) as client:
        found: Array = client.infer("rescaled", [_input(photos)]).as_numpy("kind")
    return found


def by_stream(served: Served, photos: list[bytes]) -> Array:
    answers: queue.Queue[Any] = queue.Queue()
    with triton.InferenceServerClient(served.server.address) as client:
        client.start_stream(lambda result, error: answers.put(error or result))
        client.async_stream_infer("rescaled", [_input(photos)])
        found: Array = answers.get(timeout=30).as_numpy("kind")
        client.stop_stream()
    return found


def by_examples(served: Served, photos: list[bytes]) -> Array:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "rescaled"
    for each in photos:
        example = request.input.example_list.examples.add()
        example.features.feature["photo"].bytes_list.value.append(each)
    with grpc.insecure_channel(served.server.address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        result = stub.Classify(request, timeout=30).result
    for row in result.classifications:
        assert [each.label for each in row.classes] == list(LABELS)
    return np.array([[each.score for each in row.classes] for row in result.classifications])


@pytest.mark.parametrize(
    "ask", [by_rest, by_rest_columns, by_oip_rest, by_triton, by_stream, by_examples]
)
def test_every_way_in_takes_them(
    served: Served, client: Client, ask: Callable[[Served, list[bytes]], Array]
) -> None:
    wanted = predicted(client, "rescaled", files(*PHOTOS))
    np.testing.assert_allclose(ask(served, PHOTOS), wanted, atol=2e-5)


def test_answers_carry_labels_where_the_protocols_have_a_place(
    served: Served, client: Client
) -> None:
    best = LABELS[int(predicted(client, "rescaled", files(PHOTOS[0])).argmax())]
    wanted = triton.InferRequestedOutput("kind", class_count=2)
    with triton.InferenceServerClient(served.server.address) as asks:
        found = asks.infer("rescaled", [_input(PHOTOS[:1])], outputs=[wanted]).as_numpy("kind")
    assert found[0, 0].decode().endswith(f":{best}")
    example = {"photo": {"b64": base64.b64encode(PHOTOS[0]).decode()}}
    reply = served.server.rest("/v1/models/rescaled:classify", {"examples": [example]})
    rows = json.loads(reply.text)["results"]
    assert max(rows[0], key=lambda each: each[1])[0] == best
    assert [label for label, _ in rows[0]] == list(LABELS)


@pytest.mark.parametrize("name", ["rescaled", "beside"])
def test_the_configuration_tells_what_is_a_picture(
    served: Served, client: Client, name: str
) -> None:
    config = json.loads(served.server.rest(f"/v2/models/{name}/config").text)
    formats = {each["name"]: each["format"] for each in config["input"]}
    picture = "image" if name == "beside" else "photo"
    assert formats.pop(picture) == "FORMAT_NHWC"
    assert set(formats.values()) <= {"FORMAT_NONE"}
    told = json.loads(config["parameters"]["annotations"]["string_value"])["serving_default"]
    assert told["pictures"][picture]["channels_first"] is False
    known = annotated(client.metadata(name), client.serving(name)).signatures["serving_default"]
    assert known.pictures[picture].high == (1 if name == "beside" else 255)
    assert known.labels == ({} if name == "beside" else {"kind": LABELS})
    assert list(known.activations.values()) == ["linear" if name == "beside" else "softmax"]


@pytest.mark.parametrize(
    ("photos", "told"),
    [
        ([b"GIF89a"], "input 'photo': expected a JPEG or a PNG, received 6 other bytes"),
        ([PHOTOS[0], PHOTOS[1][:-900]], "input 'photo', picture 1: expected a whole picture"),
        ([png_head(30_000, 30_000)], "pixels, received 30000x30000; send a smaller picture"),
        ([base64.b64encode(PHOTOS[0])], "it is base64: send the bytes themselves"),
    ],
)
def test_a_bad_picture_is_told_what_is_wrong(
    client: Client, photos: list[bytes], told: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        predicted(client, "rescaled", files(*photos))
    assert told in str(refused.value)


def test_pictures_in_another_arrangement_are_refused(client: Client) -> None:
    for shape in ((1, 2), (1, 1, 2)):
        with pytest.raises(InvalidRequest, match="expected one encoded picture for each row"):
            predicted(client, "rescaled", files(*PHOTOS[:2]).reshape(shape))
    with pytest.raises(InvalidRequest, match="expected one encoded picture for each row"):
        predicted(client, "rescaled", files())


def test_pictures_of_several_sizes_are_told_apart(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="expected pictures of one size in a request"):
        predicted(client, "any_size", files(photo(), photo(40, 40)))


def test_a_bad_picture_fails_its_own_request_alone(served: Served, client: Client) -> None:
    wanted = predicted(client, "rescaled", files(*PHOTOS))

    def ask(number: int) -> Array | HorngateError:
        data = PHOTOS[number % 3] if number % 4 else PHOTOS[number % 3][:-900]
        try:
            return predicted(client, "rescaled", files(data))
        except HorngateError as error:
            return error

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(64)))
    for number, answer in enumerate(answers):
        if number % 4:
            assert isinstance(answer, np.ndarray), answer
            np.testing.assert_allclose(answer[0], wanted[number % 3], atol=2e-5)
        else:
            assert isinstance(answer, InvalidRequest)
    assert not [line for line in served.server.log if line.get("level") == "error"]
