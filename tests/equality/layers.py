"""Which of Keras' layers are compiled: each public class as a model of that one layer.

``python -m tests.equality layers`` prints the table that docs/compiled.md has.
"""

from __future__ import annotations

import inspect
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
from keras import layers

from horngate.builder.compile import compile_version
from horngate.builder.export import NamedModel

VECTOR, STEPS, PICTURE, CUBE = (8,), (6, 4), (8, 8, 3), (6, 6, 6, 2)
LONGEST: Final = 90
WIDTH: Final = 118

ABSTRACT: Final = frozenset(
    {"Layer", "Wrapper", "RNN", "StackedRNNCells", "InputLayer", "Input", "InputSpec", "Pipeline"}
    | {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "SimpleRNNCell"}
    | {"Equalization", "MaxNumBoundingBoxes"}
    | {"GRUCell", "LSTMCell", "AbstractRNNCell", "MelSpectrogram"}
)
"""What is no layer by itself, or another's model in a layer's clothes."""

OPTIONS: Final[dict[str, dict[str, Any]]] = {
    **{key: {"units": 5} for key in ("Dense", "SimpleRNN", "GRU", "LSTM")},
    **{f"Conv{n}D": {"filters": 4, "kernel_size": 3} for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": {"filters": 4, "kernel_size": 3} for n in (1, 2, 3)},
    **{f"SeparableConv{n}D": {"filters": 4, "kernel_size": 3} for n in (1, 2)},
    **{f"DepthwiseConv{n}D": {"kernel_size": 3} for n in (1, 2)},
    **{f"ConvLSTM{n}D": {"filters": 2, "kernel_size": 3} for n in (1, 2, 3)},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 5},
    "Embedding": {"input_dim": 10, "output_dim": 3},
    "ReversibleEmbedding": {"input_dim": 10, "output_dim": 3},
    "Activation": {"activation": "relu"},
    "Reshape": {"target_shape": (4, 2)},
    "Permute": {"dims": (2, 1)},
    "RepeatVector": {"n": 3},
    "Cropping1D": {"cropping": 1},
    "Cropping2D": {"cropping": 1},
    "Cropping3D": {"cropping": 1},
    "Rescaling": {"scale": 1 / 255},
    "Normalization": {"mean": [0.5] * 8, "variance": [2.0] * 8},
    "Discretization": {"bin_boundaries": [-1.0, 0.0, 1.0]},
    "CategoryEncoding": {"num_tokens": 10, "output_mode": "multi_hot"},
    "Hashing": {"num_bins": 7},
    "HashedCrossing": {"num_bins": 7},
    "StringLookup": {"vocabulary": ["gate", "horn"]},
    "IntegerLookup": {"vocabulary": [1, 5, 7]},
    "TextVectorization": {"vocabulary": ["gate", "horn"], "output_sequence_length": 4},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4},
    "GroupQueryAttention": {"head_dim": 4, "num_query_heads": 2, "num_key_value_heads": 1},
    "GroupNormalization": {"groups": 3},
    "SpectralNormalization": {"layer": lambda: layers.Dense(5)},
    "TimeDistributed": {"layer": lambda: layers.Dense(5)},
    "Bidirectional": {"layer": lambda: layers.LSTM(5)},
    "Dot": {"axes": 1},
    "Resizing": {"height": 6, "width": 6},
    "CenterCrop": {"height": 4, "width": 4},
    "RandomCrop": {"height": 4, "width": 4},
    "Dropout": {"rate": 0.5},
    **{f"SpatialDropout{n}D": {"rate": 0.5} for n in (1, 2, 3)},
    **{key: {"rate": 0.5} for key in ("GaussianDropout", "AlphaDropout")},
    **{f"AveragePooling{n}D": {"pool_size": 2} for n in (1, 2, 3)},
    **{
        f"Random{name}": {"factor": 0.2}
        for name in ("Brightness", "ColorDegeneration", "Contrast", "Hue", "Rotation", "Saturation")
    },
    "RandomPosterization": {"factor": 4},
    "RandomSharpness": {"factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "GaussianNoise": {"stddev": 0.5},
    "Masking": {"mask_value": 0.0},
    "MaxNumBoundingBoxes": {"max_number": 2},
    "STFTSpectrogram": {"frame_length": 4, "frame_step": 2, "fft_length": 4},
    **{f"AdaptiveAveragePooling{n}D": {"output_size": 2} for n in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{n}D": {"output_size": 2} for n in (1, 2, 3)},
}
MERGING: Final = frozenset(
    {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"}
    | {"HashedCrossing"}
)
ATTENTION: Final = frozenset(
    {"Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"}
)
INTEGERS: Final = frozenset(
    {"Embedding", "ReversibleEmbedding", "CategoryEncoding", "IntegerLookup", "Hashing"}
    | {"HashedCrossing"}
)
SEQUENCES: Final = frozenset(
    {"SimpleRNN", "GRU", "LSTM", "Bidirectional", "TimeDistributed", "Masking", "Permute"}
)


def classes() -> dict[str, type[layers.Layer]]:
    """Every public class of ``keras.layers``, once, by its name."""
    found: dict[str, type[layers.Layer]] = {}
    seen: set[int] = set()
    for name in sorted(dir(layers)):
        each = getattr(layers, name)
        usable = inspect.isclass(each) and issubclass(each, layers.Layer)
        # Short names such as Conv2D for Convolution2D are the same class twice.
        if usable and name not in ABSTRACT and each.__name__ == name and id(each) not in seen:
            seen.add(id(each))
            found[name] = each
    return found


def model_of(name: str) -> keras.Model:
    """A model of that layer alone, with seeded weights."""
    keras.utils.set_random_seed(4)
    options = {
        key: value() if callable(value) else value for key, value in OPTIONS.get(name, {}).items()
    }
    layer = classes()[name](**options)
    if name in ATTENTION:
        inputs = [keras.Input(STEPS, name="query"), keras.Input(STEPS, name="value")]
        merged = name in ("Attention", "AdditiveAttention")
        answer = layer(inputs) if merged else layer(*inputs)
    elif name in MERGING:
        dtype = "int64" if name in INTEGERS else "float32"
        shape = (1,) if name in INTEGERS else VECTOR
        inputs = [keras.Input(shape, dtype=dtype, name=key) for key in ("left", "right")]
        answer = layer(inputs)
    else:
        inputs = [_input(name)]
        answer = layer(inputs[0])
    return keras.Model(inputs, answer)


def _input(name: str) -> Any:
    if name in ("StringLookup", "TextVectorization"):
        return keras.Input((1,), dtype="string", name="x")
    if name in INTEGERS:
        return keras.Input((4,), dtype="int64", name="x")
    return keras.Input(_shape(name), name="x")


def _shape(name: str) -> tuple[int, ...]:
    if name == "STFTSpectrogram":
        return (16, 1)
    if name in SEQUENCES:
        return STEPS
    dimensions: dict[str, tuple[int, ...]] = {"1D": STEPS, "2D": PICTURE, "3D": CUBE}
    for mark, shape in dimensions.items():
        if mark in name:
            return (5, *shape) if name.startswith("ConvLSTM") else shape
    picture: tuple[str, ...] = (
        "Random",
        "Resizing",
        "CenterCrop",
        "Mix",
        "Cut",
        "Aug",
        "Auto",
        "Equal",
        "Group",
    )
    picture += ("Solar", "Rand", "Grayscale", "Contrast")
    return PICTURE if name.startswith(picture) else VECTOR


def outcome(name: str) -> str:
    """What becomes of the layer: "compiled", or the reason why not."""
    try:
        model = model_of(name)
    except Exception as error:  # noqa: BLE001 - a layer may want more than a line of options
        return f"not built here: {_words(str(error))}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            NamedModel(model).export(Path(folder))
            refused = compile_version(Path(folder)).refused
        except Exception as error:  # noqa: BLE001 - what Keras cannot export fails in any way
            return f"not exported: {_words(str(error))}"
    return _words(refused.removeprefix("signature 'serving_default': ")) if refused else "compiled"


def _words(text: str) -> str:
    words = " ".join(text.split()).replace("|", "/")
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


def table() -> str:
    """Those that are compiled in a paragraph, and a row for each that is not."""
    return laid_out({name: outcome(name) for name in classes()})


def laid_out(found: Mapping[str, str]) -> str:
    """As the page has it: what became of each layer by its name."""
    compiled = [name for name, told in found.items() if told == "compiled"]
    words = f"{len(compiled)} of {len(found)} are compiled: {', '.join(compiled)}."
    lines = [*textwrap.wrap(words, WIDTH), "", "| Layer | Why not |", "|---|---|"]
    lines += [row(name, told) for name, told in found.items() if told != "compiled"]
    return "\n".join(lines)


def row(name: str, told: str) -> str:
    """Of a layer that is not compiled."""
    return f"| {name} | {told} |"
