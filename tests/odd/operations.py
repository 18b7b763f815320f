"""Operations that reach beyond the model, in a graph whose signature does without them.

TensorFlow evaluates some nodes while it imports a graph, so that one that nothing leads to may do
harm as well. In what is fed and set, ``{secret}`` is a file outside, ``{target}`` one that is not
there yet, ``{outside}`` their folder, and ``{address}`` where nobody may call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import tensorflow as tf

from tests.odd.case import Case, Make, Place, Served, refused
from tests.odd.graphs import Func, Model, Shape

FILES: Final = "reads or writes files"
NETWORK: Final = "reaches the network"
PYTHON: Final = "runs Python"
PROGRAM: Final = "runs a program that it carries or names"
ENDS: Final = "ends the process"
TRAINING: Final = "feeds a training, which serving has none of"
MEMORY: Final = "gives memory that nobody has written"
WAITS: Final = "waits for other callers, or mixes them"


def kept(op: str, fed: Mapping[str, Any], **attributes: Any) -> list[Case]:
    """What every SavedModel keeps of its training is left out where nothing leads to it."""
    return [
        Case(f"{op}, which nothing leads to", node(op, fed, attributes), Served(batched=True)),
        Case(f"{op}, which an answer leads to", node(op, fed, attributes, reached=True),
             refused(f"{op} ({FILES})")),
    ]  # fmt: skip


ANY: Final = ""
"""Whatever is said of it, it is refused by its name."""

STRING: Final = tf.string
FLOAT: Final = tf.float32


def node(
    op: str, fed: Mapping[str, Any], attributes: Mapping[str, Any], *, reached: bool = False
) -> Make:
    """``op`` in the graph, and nothing that leads to it unless it is to be ``reached``."""

    def make(place: Place) -> None:
        model = Model()
        model.function("plain").gives()
        model.whole("odd", op, _told(fed, place), **_told(attributes, place))
        place.save(model.plain("odd") if reached else model.plain())

    return make


def _told(values: Mapping[str, Any], place: Place) -> dict[str, Any]:
    return {key: _filled(value, place) for key, value in values.items()}


def _filled(value: Any, place: Place) -> Any:
    if isinstance(value, list):
        return [_filled(each, place) for each in value]
    if not isinstance(value, str):
        return value
    return value.format(
        secret=place.secret, target=place.target, outside=place.outside, address=place.address
    )


def one(op: str, does: str, fed: Mapping[str, Any] | None = None, **attributes: Any) -> Case:
    told = op if does == ANY else f"{op} ({does})"
    return Case(f"{op}, which nothing leads to", node(op, fed or {}, attributes), refused(told))


SAVED: Final = {"filename": "{target}", "tensor_names": ["w"], "data": 1.0}
RECORDS: Final[dict[str, Any]] = {"output_types": [STRING], "output_shapes": [Shape(())]}

CALLED: Final[dict[str, Any]] = {"token": "pyfunc_0"}

_FILES: Final = [
    one("ReadFile", FILES, {"filename": "{secret}"}),
    one("MatchingFiles", FILES, {"pattern": "{outside}/*"}),
    one("MatchingFilesDataset", FILES, {"patterns": "{outside}/*"}),
    one("TextLineDataset", FILES, {"filenames": "{secret}"}),
    one("TFRecordDatasetV2", FILES, {"filenames": "{secret}"}),
    one("FixedLengthRecordDatasetV2", FILES, {"filenames": "{secret}", "record_bytes": 1}),
    one("CSVDatasetV2", FILES, {"filenames": "{secret}"}, output_types=[STRING]),
    one("SqlDataset", FILES, {"driver_name": "sqlite", "data_source_name": "{target}"}, **RECORDS),
    one("LMDBDataset", FILES, {"filenames": "{secret}"}, **RECORDS),
    one("LoadDataset", FILES, {"path": "{outside}"}, Treader_func_args=[], **RECORDS),
    one("SaveDataset", FILES, {"path": "{target}"}, Tshard_func_args=[]),
    one("SnapshotDatasetV2", FILES, {"path": "{target}"}, Treader_func_args=[],
        Tshard_func_args=[], **RECORDS),
    one("ListSnapshotChunksDataset", FILES, {"snapshot_path": "{outside}"}, **RECORDS),
    one("CacheDatasetV2", FILES, {"filename": "{target}"}, **RECORDS),
    one("DatasetToTFRecord", FILES, {"filename": "{target}"}),
    one("WholeFileReaderV2", FILES),
    one("TFRecordReaderV2", FILES),
    one("ReaderReadV2", FILES),
    one("ImmutableConst", FILES, dtype=tf.uint8, shape=Shape((8,)), memory_region_name="{secret}"),
    one("LoadAndRemapMatrix", FILES, {"ckpt_path": "{secret}", "old_tensor_name": "w",
        "row_remapping": [0], "col_remapping": [0], "initializing_values": [0.0]},
        num_rows=1, num_cols=1),
    one("GenerateVocabRemapping", FILES, {"new_vocab_file": "{secret}", "old_vocab_file":
        "{secret}"}, new_vocab_offset=0, num_new_vocab=1),
    one("FixedUnigramCandidateSampler", FILES, {"true_classes": [[1]]}, num_true=1, num_sampled=1,
        unique=False, range_max=2, vocab_file="{secret}"),
    one("DecodeProtoV2", FILES, message_type="a.B", descriptor_source="{secret}",
        field_names=["v"], output_types=[FLOAT]),
    one("RecordInput", ANY, file_pattern="{secret}"),
    one("WriteFile", FILES, {"filename": "{target}", "contents": "gotcha"}),
    *kept("Save", SAVED, T=[FLOAT]),
    *kept("SaveV2", {"prefix": "{target}", "tensor_names": ["w"], "shape_and_slices": [""],
        "tensors": 1.0}, dtypes=[FLOAT]),
    *kept("MergeV2Checkpoints", {"checkpoint_prefixes": ["{secret}"],
        "destination_prefix": "{target}"}),
    *kept("RestoreV2", {"prefix": "{secret}", "tensor_names": ["w"], "shape_and_slices":
        [""]}, dtypes=[FLOAT]),
    *kept("RestoreSlice", {"file_pattern": "{secret}", "tensor_name": "w",
        "shape_and_slice": ""}, dt=FLOAT),
    *kept("InitializeTableFromTextFileV2", {"filename": "{secret}"}, key_index=-2,
        value_index=-1),
    one("FileSystemSetConfiguration", FILES, {"scheme": "file", "key": "k", "value": "v"}),
    one("CreateSummaryFileWriter", FILES, {"logdir": "{target}"}),
    one("CreateSummaryDbWriter", FILES, {"db_uri": "{target}"}),
    one("WriteScalarSummary", FILES, {"tag": "t"}),
    one("SummaryWriter", FILES),
    one("DebugIdentity", FILES, debug_urls=["file://{target}"], T=FLOAT),
    one("DebugIdentityV2", FILES, debug_urls=["file://{target}"], T=FLOAT),
    one("DebugNumericSummaryV2", FILES, T=FLOAT),
    one("PrintV2", FILES, {"input": "gotcha"}, output_stream="file://{target}"),
]  # fmt: skip

_NETWORK: Final = [
    one("DataServiceDatasetV4", NETWORK, {"dataset_id": "d", "processing_mode": "", "address":
        "{address}", "protocol": "grpc", "job_name": "j", "consumer_index": 0,
        "num_consumers": 1, "max_outstanding_requests": 1}, **RECORDS),
    one("RegisterDatasetV2", NETWORK, {"address": "{address}", "protocol": "grpc"},
        external_state_policy=0),
    one("RpcClient", NETWORK, {"server_address": "{address}"}),
    one("RpcServer", NETWORK, {"server_address": "{address}"}),
    one("CollectiveReduceV2", NETWORK, {"input": 1.0}, T=FLOAT, merge_op="Add", final_op="Id",
        communication_hint="{address}"),
    one("CollectiveInitializeCommunicator", NETWORK, {"group_key": 1, "rank": 0, "group_size": 2}),
    one("NcclAllReduce", NETWORK, reduction="sum", T=FLOAT, num_devices=2),
    one("RemoteCall", NETWORK, {"target": "/job:worker/task:0"}, Tin=[FLOAT], Tout=[FLOAT],
        f=Func("plain")),
    one("Send", NETWORK, T=FLOAT, tensor_name="t", send_device="/cpu:0", recv_device="/cpu:0",
        send_device_incarnation=1),
    one("ConfigureDistributedTPU", NETWORK),
    one("WorkerHeartbeat", NETWORK),
]  # fmt: skip

_PROGRAMS: Final = [
    one("PyFunc", PYTHON, **CALLED, Tin=[FLOAT], Tout=[FLOAT]),
    one("EagerPyFunc", PYTHON, **CALLED, Tin=[FLOAT], Tout=[FLOAT]),
    one("GeneratorDataset", PYTHON, init_func=Func("plain"), next_func=Func("plain"),
        finalize_func=Func("plain"), Tinit_func_args=[], Tnext_func_args=[],
        Tfinalize_func_args=[], **RECORDS),
    one("OneShotIterator", ANY, dataset_factory=Func("plain"), **RECORDS),
    one("DatasetFromGraph", PROGRAM, {"graph_def": b"\x12\x02\x0a\x00"}),
    one("MlirPassthroughOp", PROGRAM, mlir_module="module {{}}", Tinputs=[FLOAT], Toutputs=[FLOAT]),
    one("XlaCallModule", ANY, version=9, module="module {{}}", Sout=[Shape(())], Tin=[FLOAT],
        Tout=[FLOAT], platforms=["CPU"]),
    one("XlaCustomCallV2", PROGRAM, call_target_name="gotcha", backend_config="",
        has_side_effect=True, operands=[FLOAT], result_dtypes=[FLOAT],
        result_shapes=[Shape(())]),
    one("XlaLaunch", ANY, Tconstants=[], Targs=[FLOAT], Nresources=0, Tresults=[FLOAT],
        function=Func("plain")),
    one("TPUExecute", ANY, Targs=[FLOAT], Tresults=[FLOAT]),
    one("Abort", ENDS, error_msg="gotcha"),
]  # fmt: skip

_STATES: Final = [
    one("TensorDataset", TRAINING, Toutput_types=[FLOAT], output_shapes=[Shape(())]),
    one("IteratorV2", TRAINING, shared_name="i", container="", **RECORDS),
    one("DeserializeIterator", TRAINING),
    one("FIFOQueueV2", WAITS, component_types=[FLOAT]),
    one("RandomShuffleQueueV2", WAITS, component_types=[FLOAT]),
    one("Barrier", WAITS, component_types=[FLOAT]),
    one("Stage", WAITS, dtypes=[FLOAT]),
    one("OrderedMapStage", WAITS, {"indices": [0]}, dtypes=[FLOAT], fake_dtypes=[FLOAT]),
    one("ConditionalAccumulator", WAITS, dtype=FLOAT, shape=Shape((1,))),
    one("GetSessionHandleV2", WAITS, T=FLOAT),
    one("StatsAggregatorSummary", ANY),
    one("TemporaryVariable", MEMORY, shape=Shape((64,)), dtype=FLOAT),
]  # fmt: skip


CASES: Final = [*_FILES, *_NETWORK, *_PROGRAMS, *_STATES]
