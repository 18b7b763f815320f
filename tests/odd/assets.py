"""Assets, and the tables that are filled from them: a file of the version, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import tensorflow as tf

from tests.odd.case import Case, Place, Served, refused
from tests.odd.graphs import Model, info

FLOAT: Final = tf.float32


def table(place: Place, filename: str, *, asset: str | None) -> Model:
    """``y`` = ``x`` + the number of words in the table of ``asset``."""
    model = Model()
    model.constant("file", filename)
    model.add("table", "HashTableV2", key_dtype=tf.string, value_dtype=tf.int64, shared_name="t",
              container="", use_node_name_sharing=False)  # fmt: skip
    model.add("fill", "InitializeTableFromTextFileV2", "table", "file", key_index=-2,
              value_index=-1, vocab_size=-1, delimiter="\t", offset=0)  # fmt: skip
    model.add("size", "LookupTableSizeV2", "table")
    model.add("number", "Cast", "size", SrcT=tf.int64, DstT=FLOAT, Truncate=False)
    model.add("y", "AddV2", "x", "number", T=FLOAT)
    model.meta.collection_def["legacy_init_op"].node_list.value.append("fill")
    if asset is not None:
        model.meta.asset_file_def.add(filename=asset).tensor_info.CopyFrom(
            info("file:0", tf.string, ())
        )
    return model


def asset(name: str) -> Callable[[Place], None]:
    """A table of two words out of ``assets/words.txt``, whose asset is named otherwise."""

    def make(place: Place) -> None:
        told = name.format(secret=place.secret)
        place.save(table(place, "unused", asset=told))
        (place.folder / "assets").mkdir()
        (place.folder / "assets" / "words.txt").write_text("horn\nivory\n")

    return make


def an_asset_that_is_not_text(place: Place) -> None:
    """A file name in bytes that are not UTF-8, which proto3 forbids and a file may hold."""
    model = table(place, "unused", asset="wordsXXXX.txt")
    place.save(model)
    file = place.folder / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"wordsXXXX.txt", b"words\xff\xfe\xfd\xfc.txt"))


def an_asset_twice(place: Place) -> None:
    """Two assets of one tensor: the file that is checked is not the one that is read."""
    model = table(place, "unused", asset="words.txt")
    model.meta.asset_file_def.add(filename="../../../outside/secret.txt").tensor_info.CopyFrom(
        info("file:0", tf.string, ())
    )
    place.save(model)
    (place.folder / "assets").mkdir()
    (place.folder / "assets" / "words.txt").write_text("horn\nivory\n")


def a_table_that_nothing_fills_from_an_asset(place: Place) -> None:
    place.save(table(place, str(place.secret), asset=None))


def assets_of_tensorflow_1(place: Place) -> None:
    model = table(place, "unused", asset=None)
    old = type(model.meta)().asset_file_def.add(filename=f"{place.secret}")
    old.tensor_info.CopyFrom(info("file:0", tf.string, ()))
    model.meta.collection_def["saved_model_assets"].any_list.value.add().Pack(old)
    place.save(model)


ELSEWHERE: Final = "reads or writes files"

CASES: Final = [
    Case("a table of an asset", asset("words.txt"), Served((([1.0], [3.0]),))),
    Case("a table of a file outside", a_table_that_nothing_fills_from_an_asset,
         refused(f"InitializeTableFromTextFileV2 ({ELSEWHERE})")),
    Case("an asset by its whole path", asset("{secret}"), refused("the asset", "secret.txt")),
    Case("an asset two folders up", asset("../../../../outside/secret.txt"),
         refused("the asset '../../../../outside/secret.txt'")),
    Case("an asset that goes out and in again", asset("../assets/words.txt"),
         refused("the asset '../assets/words.txt'")),
    Case("an asset whose name has a NUL", asset("words.txt\0/../../x"), refused("words.txt")),
    Case("an asset of a name of 10 kB", asset("w" * 10_000), refused("www")),
    Case("an asset without a name", asset(""), refused("asset")),
    Case("an asset that is the folder of assets", asset("."), refused("asset")),
    Case("an asset that is not there", asset("nowhere.txt"), refused("nowhere.txt")),
    Case("an asset over a network", asset("gs://bucket/words.txt"), refused("gs:")),
    Case("an asset in bytes that are no text", an_asset_that_is_not_text,
         refused("saved_model.pb")),
    Case("two assets of one tensor", an_asset_twice, refused("secret.txt")),
    Case("an asset outside as TensorFlow 1 wrote it", assets_of_tensorflow_1,
         refused("secret.txt")),
]  # fmt: skip
