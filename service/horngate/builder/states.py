"""What a signature keeps from one call to the next. The converter would freeze it as it is now."""

from __future__ import annotations

import re
from typing import Any, Final

from tensorflow.python.framework import op_def_registry

from horngate.runtimes.graph import Graph

READING: Final = re.compile(
    # Variables and tables as they were loaded, read.
    r"VarHandleOp|ReadVariableOp|Variable(V2)?|VariableShape|VarIsInitializedOp|DisableCopyOnRead|"
    r"ResourceGather(Nd)?|(Anonymous)?HashTable(V2)?|LookupTable(Find|Size)(V2)?|"
    # Calls, loops and branches: what they run is looked at by itself. Checks, which end a call.
    r"StatefulPartitionedCall|If|While|Case|Assert|Placeholder(V2)?|"
    # Memory of one call, gone when it ends.
    r"TensorArray\w*"
)
"""Operations that TensorFlow counts as having a state, and that leave none behind."""


def kept(meta_graph: Any, signature: str) -> str:
    """Why the signature may answer otherwise the next time; "" where it cannot.

    Args:
        meta_graph: a ``MetaGraphDef`` as the file has it, its variables not yet frozen.
        signature: a name.
    """
    definition = meta_graph.signature_def[signature]
    outputs = [info.name for info in definition.outputs.values()]
    _, places = Graph(meta_graph.graph_def).reached(outputs)
    found = sorted(
        {
            place.node.op
            for place in places
            if _has_state(place.node.op) and not READING.fullmatch(place.node.op)
        }
    )
    if not found:
        return ""
    return (
        f"it keeps a state from one call to the next, or draws at random ({', '.join(found[:3])}), "
        "which a compiled form cannot"
    )


def _has_state(operation: str) -> bool:
    definition = op_def_registry.get(operation)
    return definition is not None and bool(definition.is_stateful)
