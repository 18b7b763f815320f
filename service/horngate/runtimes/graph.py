"""A ``GraphDef`` to be read: what running a part of it may run, and where a tensor comes from.

Reads each node a few times, whatever the graph: the time that it takes grows with the graph's size
and not with what the graph would do. Knows no operation but those that pass a value on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

MOST_STEPS: Final = 1000
"""How far a tensor is followed to where it comes from; whatever is further away is not known."""

MOST_NODES: Final = 2_000_000
"""Of a graph with every call written out, as TensorFlow writes it out before it runs."""

DEEPEST: Final = 100
"""Calls within each other."""

LONGEST: Final = 10_000
"""Nodes one after another, with every call written out: TensorFlow's stack ends at 50,000."""

_CALLS: Final = ("PartitionedCall", "StatefulPartitionedCall")
_BACK: Final = ("NextIteration", "RefNextIteration")
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


class Reached:
    """Nodes of the graph, and functions, by name. A function is reached as a whole."""

    def __init__(self) -> None:
        self.nodes: set[str] = set()
        self.functions: set[str] = set()

    def add(self, other: Reached) -> None:
        """Take in what ``other`` has."""
        self.nodes |= other.nodes
        self.functions |= other.functions

    def has(self, place: Place) -> bool:
        """Whether ``place`` is among them."""
        if place.function is None:
            return place.node.name in self.nodes
        return place.function in self.functions


class Graph:
    """Walks against the edges, and into the functions that nodes call."""

    def __init__(self, graph_def: Any) -> None:
        self._graph_def = graph_def
        self._nodes = {node.name: node for node in graph_def.node}
        self.functions = {each.signature.name: each for each in graph_def.library.function}
        self._bodies = {
            name: {node.name: node for node in function.node_def}
            for name, function in self.functions.items()
        }
        self._stand_ins = _stand_ins(graph_def.library)
        self._callers: dict[str, list[Place]] = defaultdict(list)
        self._calls: dict[str, list[str]] = defaultdict(list)
        self._main_calls: list[str] = []
        self._handles: Counter[bytes] = Counter()
        for place in self.places():
            if place.node.op == "VarHandleOp":
                self._handles[_shared_name(place.node)] += 1
            calls = self._main_calls if place.function is None else self._calls[place.function]
            for name in self._called(place.node):
                self._callers[name].append(place)
                calls.append(name)
        self._users: dict[str, list[Any]] = {
            node.name: [] for node in graph_def.node if node.op == "VarHandleOp"
        }
        for node in graph_def.node if self._users else ():
            for name in node.input:
                if not name.startswith("^") and _node_of(name) in self._users:
                    self._users[_node_of(name)].append(node)
        self._fed: dict[frozenset[Fed], set[Fed]] = defaultdict(set)

    def places(self) -> Iterator[Place]:
        """Every node there is."""
        for node in self._graph_def.node:
            yield Place(node, None)
        for function in self._graph_def.library.function:
            for node in function.node_def:
                yield Place(node, function.signature.name)

    def attributes(self) -> Iterator[Any]:
        """Those of every node and of every function."""
        for place in self.places():
            yield place.node.attr
        for function in self._graph_def.library.function:
            yield function.attr
            for argument in function.arg_attr.values():
                yield argument.attr

    def faults(self) -> Iterator[str]:
        """What makes a graph mean several things, or more than it holds; in words."""
        if len(self._nodes) < len(self._graph_def.node):
            yield "two nodes of one name"
        if len(self.functions) < len(self._graph_def.library.function):
            yield "two functions of one name"
        for name, function in self.functions.items():
            if len(self._bodies[name]) < len(function.node_def):
                yield f"two nodes of one name in the function {name!r}"
        yield from self._calls_written_out()

    def _calls_written_out(self) -> Iterator[str]:
        sizes: dict[str, int] = {}
        depths: dict[str, int] = {}
        chains: dict[str, int] = {}
        open_: set[str] = set()
        for first in self.functions:
            waiting = [first]
            while waiting:
                name = waiting[-1]
                if name in sizes:
                    waiting.pop()
                    continue
                left = [each for each in set(self._calls[name]) if each not in sizes]
                if name not in open_:
                    open_.add(name)
                    waiting += left
                elif left:
                    yield f"the function {left[0]!r}, which calls itself"
                    return
                else:
                    waiting.pop()
                    open_.discard(name)
                    called = self._calls[name]
                    sizes[name] = len(self._bodies[name]) + sum(sizes[each] for each in called)
                    depths[name] = 1 + max((depths[each] for each in called), default=0)
                    chains[name] = self._longest(self._bodies[name], chains)
                    if depths[name] > DEEPEST:
                        yield f"more than {DEEPEST} calls within each other"
                        return
        written_out = len(self._nodes) + sum(sizes[name] for name in self._main_calls)
        if max(written_out, max(sizes.values(), default=0)) > MOST_NODES:
            yield f"more than {MOST_NODES} nodes, with every call written out"
        if max(self._longest(self._nodes, chains), *chains.values(), 0) > LONGEST:
            yield f"more than {LONGEST} nodes one after another"

    def _longest(self, nodes: Mapping[str, Any], chains: Mapping[str, int]) -> int:
        """The longest way through ``nodes``, where a call is as long as what it calls.

        What lies on a circle, and after one, is left out: TensorFlow refuses it.
        """
        before = {name: _inputs(node, nodes) for name, node in nodes.items()}
        after: dict[str, list[str]] = defaultdict(list)
        for name, names in before.items():
            for each in names:
                after[each].append(name)
        open_ = {name: len(names) for name, names in before.items()}
        ways = dict.fromkeys(nodes, 0)
        ready = [name for name, number in open_.items() if not number]
        longest = 0
        while ready:
            name = ready.pop()
            called = self._called(nodes[name])
            way = ways[name] + 1 + max((chains.get(each, 0) for each in called), default=0)
            longest = max(longest, way)
            for each in after[name]:
                ways[each] = max(ways[each], way)
                open_[each] -= 1
                if not open_[each]:
                    ready.append(each)
        return longest

    def arguments(self, function: str) -> int:
        """How many the function takes; 0 for one that the graph does not have."""
        known = self.functions.get(function)
        return 0 if known is None else len(known.signature.input_arg)

    def reached(
        self, names: Iterable[str], functions: Iterable[str] = (), known: Reached | None = None
    ) -> tuple[Reached, list[Place]]:
        """What running ``names`` and calling ``functions`` may run, and each node of it.

        Of a function that is called that is every one, and those of the functions that TensorFlow
        may call in its stead. What is ``known`` already is left out, with all that leads there.
        """
        known = known or Reached()
        found, places = Reached(), list[Place]()
        calls = list(functions)
        waiting = [_node_of(name) for name in names]
        while waiting:
            name = waiting.pop()
            node = self._nodes.get(name)
            if node is None or name in found.nodes or name in known.nodes:
                continue
            found.nodes.add(name)
            places.append(Place(node, None))
            waiting += [_node_of(each) for each in node.input]
            calls += self._called(node)
        while calls:
            name = calls.pop()
            if name in found.functions or name in known.functions or name not in self.functions:
                continue
            found.functions.add(name)
            places += [Place(node, name) for node in self.functions[name].node_def]
            calls += self._calls[name]
            calls += self._stand_ins[name]
        return found, places

    def _called(self, node: Any) -> list[str]:
        """The functions of the graph that ``node`` names."""
        if not self.functions:
            return []
        named = [each.name for found in values_in(node.attr) for each in functions_in(*found)]
        return [name for name in (node.op, *named) if name in self.functions]

    def before(self, place: Place, position: int) -> Any:
        """The node that gives ``place`` its input at ``position``; None where none does."""
        if position >= len(place.node.input):
            return None
        nodes = self._nodes if place.function is None else self._bodies[place.function]
        return nodes.get(_node_of(place.node.input[position]))

    def is_fed(self, place: Place, position: int, fed: frozenset[Fed]) -> bool:
        """Whether the input at ``position`` is always one of ``fed``, whoever calls.

        Followed are identities, plain calls, and variables of the graph that nothing but plain
        assignments can have set. Of anything else the answer is no.
        """
        if position >= len(place.node.input):
            return False
        waiting = [Fed(place.function, place.node.input[position])]
        seen: set[Fed] = set()
        known = self._fed[fed]
        while waiting:
            tensor = self._canonical(waiting.pop())
            if tensor in fed or tensor in seen or tensor in known:
                continue
            seen.add(tensor)
            before = self._before(tensor)
            if not before or len(seen) + len(before) > MOST_STEPS:
                return False
            waiting += before
        known |= seen
        return True

    def _canonical(self, tensor: Fed) -> Fed:
        """``x`` of the graph is ``x:0``; an argument of a function is its number."""
        function, name = tensor
        if isinstance(name, int):
            return tensor
        if function is None:
            return Fed(None, name if ":" in name else f"{name}:0")
        for number, argument in enumerate(self.functions[function].signature.input_arg):
            if argument.name == name:
                return Fed(function, number)
        return tensor

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
        users = self._users[variable]
        if self._handles[_shared_name(handle)] > 1 or len(users) > MOST_STEPS:
            return []
        if any(each.op not in _VARIABLE for each in users):
            return []
        return [Fed(None, each.input[1]) for each in users if each.op == "AssignVariableOp"]

    def _given(self, function: str, argument: int) -> list[Fed]:
        """What the callers of ``function`` give it; nothing if one of them is no plain call."""
        arguments = self.functions[function].signature.input_arg
        callers = self._callers[function]
        if len(callers) > MOST_STEPS or any(
            each.number_attr or each.type_list_attr for each in arguments[: argument + 1]
        ):
            return []  # the latter: one argument is several inputs
        given: list[Fed] = []
        for node, caller in callers:
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
        for name, following in zip(names, [*names[1:], names[0]], strict=True):
            found[name].append(following)  # a ring: from each to all, and no longer than the list
    return found


def values_in(attributes: Any) -> Iterator[tuple[str, Any]]:
    """The kind of every ``AttrValue`` and itself, with those that functions in it are given."""
    waiting = [attributes]
    while waiting:
        for value in waiting.pop().values():
            kind = value.WhichOneof("value")
            yield kind, value
            waiting += [function.attr for function in functions_in(kind, value)]


def functions_in(kind: str, value: Any) -> Any:
    """The functions that an ``AttrValue`` names."""
    if kind == "func":
        return (value.func,)
    return value.list.func if kind == "list" else ()


def _shared_name(handle: Any) -> bytes:
    """Under which a session knows a variable, of whatever node."""
    given = handle.attr.get("shared_name")
    name: bytes = b"" if given is None else given.s
    return name or handle.name.encode()


def _inputs(node: Any, nodes: Mapping[str, Any]) -> set[str]:
    """The nodes that have to run before ``node``; a loop's way back to its start is none."""
    names = {_node_of(name) for name in node.input}
    return {name for name in names if name in nodes and nodes[name].op not in _BACK}


def _node_of(name: str) -> str:
    """The node of an input: ``^node``, ``node:0`` and ``node:out:0`` mean ``node``."""
    return name.removeprefix("^").partition(":")[0]
