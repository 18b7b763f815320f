"""What a SavedModel's graph would do to the machine. Reads the graph and runs nothing of it.

A SavedModel is a program. Most of its operations turn tensors into tensors; some read and write
files, call Python or reach the network, with the server's rights and at a caller's word. Only what
can run counts: what the signatures, the initialisation and the restoring of variables lead to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

REACHING: Final[Mapping[str, re.Pattern[str]]] = {
    "runs Python": re.compile(r"PyFunc|PyFuncStateless|EagerPyFunc|GeneratorDataset"),
    "reads or writes files": re.compile(
        r"ReadFile|WriteFile|(Experimental)?MatchingFiles(Dataset)?|MergeV2Checkpoints|Distributed"
        r"Save|Save|SaveV2|SaveSlices|Restore|RestoreV2|RestoreSlice|InitializeTableFromTextFile"
        r"(V2)?|ImmutableConst|LoadAndRemapMatrix|GenerateVocabRemapping|FixedUnigramCandidate"
        r"Sampler|FileSystemSetConfiguration|.*Reader(V2)?|Reader.*|.*(TextLine|TFRecord|"
        r"FixedLengthRecord|CSV|Sql|LMDB|Cache|Load|Save|Snapshot\w*)Dataset(V\d)?|.*DatasetToTF"
        r"Record|ListSnapshotChunksDataset|\w*SummaryWriter|CreateSummary(File|Db)Writer|"
        r"Write\w*Summary|StatsAggregator\w+|Debug\w+|DecodeProtoV2|EncodeProtoV2"
    ),
    "reaches the network": re.compile(
        r"Send|Recv|_\w*Send|_\w*Recv|Remote\w+|\w*Rpc\w*|Collective\w+|Nccl\w+|DataServiceDataset"
        r"(V\d)?|RegisterDataset(V2)?|ConfigureDistributedTPU|WorkerHeartbeat"
    ),
}
"""Operations by what they do, their whole names."""

HARMLESS: Final = re.compile(
    # Variables and tables: memory of the model's own.
    r"VarHandleOp|Variable(V2)?|TemporaryVariable|ReadVariableOp|VariableShape|VarIsInitializedOp|"
    r"DestroyResourceOp|DisableCopyOnRead|Assign\w*|Resource\w+|\w*HashTable\w*|LookupTable\w+|"
    r"InitializeTableV2|TensorArray\w*|Stack\w*|BoostedTrees\w+|IsBoostedTrees\w+|Mutex\w*|"
    r"ConsumeMutexLock|Empty|DeepCopy|GuaranteeConst|"
    # Calls and branches: what they call is looked at by itself.
    r"StatefulPartitionedCall|If|While|Case|BatchFunction|XlaCallModule|"
    # Chance, and checks.
    r"Random\w+|Stateful(Random|Standard|Truncated|Uniform)\w*|\w*TruncatedNormal|Multinomial|Rng\w+|"
    r"NonDeterministicInts|\w*SeedGenerator|StatelessRandomGetAlg|SampleDistortedBoundingBox(V2)?|"
    r"\w+CandidateSampler|Assert|CheckNumerics(V2)?|Print|PrintV2|Timestamp|DeviceIndex|CudnnRNN\w*"
)
"""Operations that keep a state and reach nothing beyond the model. What keeps a state and is not
here is refused: an operation that nobody has looked at."""

RESTORING: Final = frozenset({"Restore", "RestoreV2", "RestoreSlice"})
"""Allowed where variables are restored, as which the loader names the model's own files."""

FILLING: Final = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""Allowed where tables are filled as the model loads: vocabularies come as its assets."""

_STREAMS: Final = ("", "stdout", "stderr", "log(info)", "log(warning)", "log(error)")


class Finding(NamedTuple):
    """An operation that reaches beyond the model, and what it would do."""

    operation: str
    does: str
    where: str

    def __str__(self) -> str:
        return f"{self.operation} ({self.does}) in {self.where}"


@dataclass(frozen=True, slots=True)
class Root:
    """Where running begins: names of tensors or nodes, and what may be met on the way."""

    where: str
    names: tuple[str, ...]
    allowed: frozenset[str] = frozenset()


def scan(meta_graph: Any, keeps_state: Callable[[str], bool]) -> list[Finding]:
    """Every operation in a ``MetaGraphDef`` that can run and reaches beyond the model, once each.

    Args:
        meta_graph: as the file has it.
        keeps_state: whether an operation of that name does, by the engine's own registry.
    """
    graph = _Graph(meta_graph.graph_def)
    found: dict[str, Finding] = {}
    for root in _roots(meta_graph):
        for node in graph.reached(root.names):
            if node.op in root.allowed:
                continue
            does = _does(node, keeps_state)
            if does is not None:
                found.setdefault(node.op, Finding(node.op, does, root.where))
    return list(found.values())


def _roots(meta_graph: Any) -> Iterator[Root]:
    for name, signature in meta_graph.signature_def.items():
        outputs = tuple(info.name for info in signature.outputs.values())
        if name == "__saved_model_init_op":
            yield Root("the initialisation", outputs, FILLING)
        else:
            yield Root(f"signature {name!r}", outputs)
    for key in ("saved_model_main_op", "legacy_init_op"):
        if key in meta_graph.collection_def:
            nodes = tuple(meta_graph.collection_def[key].node_list.value)
            yield Root("the initialisation", nodes, FILLING)
    if meta_graph.saver_def.restore_op_name:
        names = (meta_graph.saver_def.restore_op_name,)
        yield Root("the restoring of variables", names, RESTORING)


class _Graph:
    """A ``GraphDef`` to be walked against its edges, into the functions that its nodes call."""

    def __init__(self, graph_def: Any) -> None:
        self._nodes = {node.name: node for node in graph_def.node}
        self._functions = {each.signature.name: each for each in graph_def.library.function}

    def reached(self, names: Iterable[str]) -> Iterator[Any]:
        """Every node that running ``names`` may run. Of a function that is called, every one."""
        seen: set[str] = set()
        called: set[str] = set()
        waiting = [_node_of(name) for name in names]
        while waiting:
            name = waiting.pop()
            node = self._nodes.get(name)
            if name in seen or node is None:
                continue
            seen.add(name)
            waiting += [_node_of(each) for each in node.input]
            yield node
            yield from self._within(node, called)

    def _within(self, caller: Any, called: set[str]) -> Iterator[Any]:
        waiting = [caller]
        while waiting:
            for name in _calls(waiting.pop()):
                if name in called or name not in self._functions:
                    continue
                called.add(name)
                for node in self._functions[name].node_def:
                    yield node
                    waiting.append(node)


def _calls(node: Any) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for func in value.list.func:
            yield func.name


def _node_of(name: str) -> str:
    """The node of an input: ``^node`` and ``node:0`` mean ``node``."""
    return name.removeprefix("^").partition(":")[0]


def _does(node: Any, keeps_state: Callable[[str], bool]) -> str | None:
    for does, pattern in REACHING.items():
        if pattern.fullmatch(node.op):
            return does
    if node.op == "PrintV2":
        stream = node.attr["output_stream"].s.decode("utf-8", "replace")
        return None if stream in _STREAMS else "reads or writes files"
    if keeps_state(node.op) and not HARMLESS.fullmatch(node.op):
        return "keeps a state that nobody has vouched for"
    return None
