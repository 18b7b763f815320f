"""What TensorFlow's operations can do to the machine, by their names.

Most operations turn tensors into tensors. One can only reach further by a state that it keeps, or
by what it is told: a text (a path, an address, a program), a function, a handle. Of those, the ones
that somebody has looked at are listed here, and every other is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Definitions = Callable[[str], Any]
"""The engine's own registry: the ``OpDef`` of an operation's name, None where it has none."""

REACHING: Final[Mapping[str, re.Pattern[str]]] = {
    "runs Python": re.compile(r"PyFunc|PyFuncStateless|EagerPyFunc|GeneratorDataset"),
    "runs a program that it carries or names": re.compile(
        r"DatasetFromGraph|MlirPassthroughOp|XlaCustomCall(V2)?"
    ),
    "ends the process": re.compile(r"Abort"),
    "reads or writes files": re.compile(
        r"ReadFile|WriteFile|(Experimental)?MatchingFiles(Dataset)?|MergeV2Checkpoints|Distributed"
        r"Save|Save|SaveV2|SaveSlices|Restore|RestoreV2|RestoreSlice|InitializeTableFromTextFile"
        r"(V2)?|ImmutableConst|LoadAndRemapMatrix|GenerateVocabRemapping|FixedUnigramCandidate"
        r"Sampler|FileSystemSetConfiguration|.*Reader(V2)?|Reader.*|.*(TextLine|TFRecord|"
        r"FixedLengthRecord|CSV|Sql|LMDB|Cache|Load|Save|Snapshot\w*)Dataset(V\d)?|.*DatasetToTF"
        r"Record|ListSnapshotChunksDataset|\w*SummaryWriter|CreateSummary(File|Db)Writer|"
        r"Write\w*Summary|StatsAggregator\w+|Debug\w+|DecodeProtoV2|EncodeProto"
    ),
    "reaches the network": re.compile(
        r"Send|Recv|_\w*Send|_\w*Recv|Remote\w+|\w*Rpc\w*|Collective\w+|Nccl\w+|DataServiceDataset"
        r"(V\d)?|RegisterDataset(V2)?|ConfigureDistributedTPU|WorkerHeartbeat"
    ),
}
"""Operations by what they do, their whole names. They are refused by name for the error's sake:
without their lines here they would be refused as operations that nobody has looked at."""

LOOKED_AT: Final = re.compile(
    # Variables and tables: memory of the model's own.
    r"VarHandleOp|Variable(V2)?|TemporaryVariable|ReadVariableOp|VariableShape|VarIsInitializedOp|"
    r"DestroyResourceOp|DisableCopyOnRead|Assign\w*|Resource\w+|\w*HashTable\w*|LookupTable\w+|"
    r"InitializeTable(V2)?|TensorArray\w*|Stack\w*|BoostedTrees\w+|IsBoostedTrees\w+|Mutex\w*|"
    r"ConsumeMutexLock|Empty|DeepCopy|GuaranteeConst|"
    # Lists, maps, ragged and sparse tensors behind a handle.
    r"TensorList\w+|TensorMap\w+|Optional\w+|RaggedTensor\w+|\w*SparseMatrix\w*|CSRSparse\w+|"
    r"CompositeTensorVariant\w+|"
    # Calls and branches: what they call is looked at by itself.
    r"(Stateful)?PartitionedCall|(Stateless)?(If|While|Case)|For|MapDefun|SymbolicGradient|Batch|"
    r"BatchFunction|XlaCallModule|Xla(Reduce(Window)?|Scatter|SelectAndScatter|Variadic\w+)|"
    # Chance, and checks.
    r"Random\w+|Stateful(Random|Standard|Truncated|Uniform)\w*|\w*TruncatedNormal|Multinomial|Rng\w+|"
    r"NonDeterministicInts|\w*SeedGenerator|StatelessRandomGetAlg|SampleDistortedBoundingBox(V2)?|"
    r"\w+CandidateSampler|Assert|CheckNumerics(V2)?|Print|PrintV2|Timestamp|DeviceIndex|"
    r"CudnnRNN\w*|"
    # Texts: taken apart, joined, compared, and read as pictures, numbers or examples.
    r"String\w+|AsString|Unicode\w+|(Static)?Regex\w+|Substr|ReduceJoin|UnsortedSegmentJoin|"
    r"Fingerprint|SparseCrossV2|Sharded(Filename|Filespec)|Decode(AndCropJpeg|Base64|Bmp|CSV|"
    r"Compressed|Gif|Image|JSONExample|Jpeg|Jxl|PaddedRaw|Png|Raw|Wav|WebP)|Encode(Base64|Jpeg)|"
    r"ExtractJpegShape|Parse(Single)?(Sequence)?Example(V2)?|ParseTensor|DeserializeManySparse|"
    r"(Audio|Histogram|Image|Merge|Scalar|Tensor)Summary(V2)?"
)
"""Operations that could reach further, by the rule above, and do not."""

MODES: Final = frozenset(
    {"activation_mode", "bad_indices_policy", "data_format", "dimension_numbers", "dst_format"}
    | {"equation", "fill_mode", "frame_name", "fused_ops", "input_order", "interpolation"}
    | {"kernel_type", "manual_sharding", "message", "noise", "op_names", "padding"}
    | {"precision_config", "row_partition_types", "set_operation", "sharding", "src_format"}
    | {"var_name"}
)
"""Attributes that are texts and say no more than which way of computing is meant."""

_STREAMS: Final = ("", "stdout", "stderr", "log(info)", "log(warning)", "log(error)")
_TEXTS: Final = ("string", "list(string)")
_FUNCTIONS: Final = ("func", "list(func)")
_STRING, _RESOURCE, _VARIANT = 7, 20, 21  # as TensorFlow's DataType numbers them


def reach(node: Any, definitions: Definitions) -> str | None:
    """What the operation of a ``NodeDef`` does beyond the model; None where it does nothing."""
    for does, pattern in REACHING.items():
        if pattern.fullmatch(node.op):
            return does
    if node.op == "PrintV2" and not _prints_to_a_stream(node.attr["output_stream"]):
        return "reads or writes files"
    if _could_reach(definitions(node.op)) and not LOOKED_AT.fullmatch(node.op):
        return "nobody has looked at what it does"
    return None


def _prints_to_a_stream(stream: Any) -> bool:
    # Within a function it may stand for what the caller gives.
    return not stream.placeholder and stream.s.decode("utf-8", "replace") in _STREAMS


def _could_reach(definition: Any) -> bool:
    if definition is None:
        return False  # TensorFlow does not know it, cannot load it either, and says so itself
    return (
        definition.is_stateful
        or any(each.type in (_STRING, _RESOURCE, _VARIANT) for each in definition.input_arg)
        or any(each.type in _FUNCTIONS or _free_text(each) for each in definition.attr)
    )


def _free_text(attribute: Any) -> bool:
    if attribute.type not in _TEXTS or attribute.HasField("allowed_values"):
        return False
    return attribute.name not in MODES
