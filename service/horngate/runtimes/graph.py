"""A ``GraphDef`` to be read: what running a part of it may run, and where a tensor comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

_CALLS: Final = ("PartitionedCall", "StatefulPartitionedCall")
_PASSING: Final = ("Identity",)
_VARIABLE: Final = ("ReadVariableOp", "AssignVariableOp", "VarIsInitializedOp")


class Place(NamedTuple):
    """A node, and the function whose body it stands in; None for the graph itself."""

    node: Any
    function: str | None


class Fed(NamedTuple):
    """What whoever runs the graph gives: a tensor of the graph, or an argument of a function."""

    function: str | None
    tensor: str | int


class Graph:
    """Walks against the edges, and into the functions that nodes call."""

    def __init__(self, graph_def: Any) -> None:
        self._nodes = {node.name: node for node in graph_def.node}
        self._functions = {each.signature.name: each for each in graph_def.library.function}
        self._bodies = {
            name: {node.name: node for node in function.node_def}
            for name, function in self._functions.items()
        }
        self._stand_ins = _stand_ins(graph_def.library)
        self._callers: dict[str, list[Place]] = defaultdict(list)
        self._handles: list[Any] = []
        for place in self._places():
            for name in _called(place.node):
                self._callers[name].append(place)
            if place.node.op == "VarHandleOp":
                self._handles.append(place.node)
        self._users: dict[str, list[Any]] = defaultdict(list)
        for node in graph_def.node:
            for name in node.input:
                if not name.startswith("^"):
                    self._users[_node_of(name)].append(node)

    def _places(self) -> Iterator[Place]:
        for node in self._nodes.values():
            yield Place(node, None)
        for name, function in self._functions.items():
            for node in function.node_def:
                yield Place(node, name)

    def arguments(self, function: str) -> int:
        """How many the function takes; 0 for one that the graph does not have."""
        known = self._functions.get(function)
        return 0 if known is None else len(known.signature.input_arg)

    def reached(self, names: Iterable[str], functions: Iterable[str] = ()) -> Iterator[Place]:
        """Every node that running ``names`` and calling ``functions`` may run.

        Of a function that is called that is every one, and those of the functions that TensorFlow
        may call in its stead.
        """
        seen: set[str] = set()
        called: set[str] = set()
        yield from self._within(functions, called)
        waiting = [_node_of(name) for name in names]
        while waiting:
            name = waiting.pop()
            node = self._nodes.get(name)
            if name in seen or node is None:
                continue
            seen.add(name)
            waiting += [_node_of(each) for each in node.input]
            yield Place(node, None)
            yield from self._within(_called(node), called)

    def _within(self, functions: Iterable[str], called: set[str]) -> Iterator[Place]:
        waiting = list(functions)
        while waiting:
            name = waiting.pop()
            if name in called or name not in self._functions:
                continue
            called.add(name)
            waiting += self._stand_ins[name]
            for node in self._functions[name].node_def:
                yield Place(node, name)
                waiting += _called(node)

    def is_fed(self, place: Place, position: int, fed: frozenset[Fed]) -> bool:
        """Whether the input at ``position`` is always one of ``fed``, whoever calls.

        Followed are identities, plain calls, and variables of the graph that nothing but plain
        assignments can have set. Of anything else the answer is no.
        """
        if position >= len(place.node.input):
            return False
        waiting = [Fed(place.function, place.node.input[position])]
        seen: set[Fed] = set()
        while waiting:
            tensor = self._canonical(waiting.pop())
            if tensor in fed or tensor in seen:
                continue
            seen.add(tensor)
            before = self._before(tensor)
            if not before:
                return False
            waiting += before
        return True

    def _canonical(self, tensor: Fed) -> Fed:
        """``x`` of the graph is ``x:0``; an argument of a function is its number."""
        function, name = tensor
        if isinstance(name, int):
            return tensor
        if function is None:
            return Fed(None, name if ":" in name else f"{name}:0")
        arguments = [each.name for each in self._functions[function].signature.input_arg]
        return Fed(function, arguments.index(name)) if name in arguments else tensor

    def _before(self, tensor: Fed) -> list[Fed]:
        """Where a tensor has its value from, unchanged; nothing where that cannot be told."""
        function, name = tensor
        if isinstance(name, int):
            return self._given(function or "", name)
        nodes = self._nodes if function is None else self._bodies[function]
        node = nodes.get(_node_of(name))
        if node is None or not node.input:
            return []
        if node.op == "ReadVariableOp" and function is None:
            return self._assigned(_node_of(node.input[0]))
        return [Fed(function, node.input[0])] if node.op in _PASSING else []

    def _assigned(self, variable: str) -> list[Fed]:
        """What is assigned to ``variable``; nothing if something else may reach it."""
        handle = self._nodes.get(variable)
        if handle is None or handle.op != "VarHandleOp":
            return []
        same = [each for each in self._handles if _shared_name(each) == _shared_name(handle)]
        users = self._users[variable]
        if len(same) > 1 or any(each.op not in _VARIABLE for each in users):
            return []
        return [Fed(None, each.input[1]) for each in users if each.op == "AssignVariableOp"]

    def _given(self, function: str, argument: int) -> list[Fed]:
        """What the callers of ``function`` give it; nothing if one of them is no plain call."""
        arguments = self._functions[function].signature.input_arg
        if any(each.number_attr or each.type_list_attr for each in arguments[: argument + 1]):
            return []  # one argument is several inputs
        given: list[Fed] = []
        for node, caller in self._callers[function]:
            plain = node.op in _CALLS and node.attr["f"].func.name == function
            if not plain or argument >= len(node.input):
                return []
            given.append(Fed(caller, node.input[argument]))
        return given


def _stand_ins(library: Any) -> dict[str, list[str]]:
    """By a function, those that TensorFlow may call for it: gradients, other implementations."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in library.gradient:
        found[each.function_name].append(each.gradient_func)
    implementing: dict[bytes, list[str]] = defaultdict(list)
    for function in library.function:
        if "api_implements" in function.attr:
            implementing[function.attr["api_implements"].s].append(function.signature.name)
    for names in implementing.values():
        for name in names:
            found[name] += names
    return found


def _called(node: Any) -> list[str]:
    return [node.op, *_functions_in(node.attr)]


def _functions_in(attributes: Any) -> Iterator[str]:
    """Functions that attributes name; a function may itself be given functions as attributes."""
    for value in attributes.values():
        named = [value.func] if value.HasField("func") else list(value.list.func)
        for function in named:
            yield function.name
            yield from _functions_in(function.attr)


def _shared_name(handle: Any) -> bytes:
    """Under which a session knows a variable, of whatever node."""
    name: bytes = handle.attr["shared_name"].s
    return name or handle.name.encode()


def _node_of(name: str) -> str:
    """The node of an input: ``^node``, ``node:0`` and ``node:out:0`` mean ``node``."""
    return name.removeprefix("^").partition(":")[0]
