"""The list of operations, held against those that TensorFlow has."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

from horngate.runtimes.families import ALLOWED
from horngate.runtimes.operations import LEFT_OUT, NOBODY, named


@pytest.fixture(scope="module")
def registered() -> dict[str, Any]:
    """Every operation of the TensorFlow that is installed, by name."""
    listed = op_def_pb2.OpList.FromString(
        pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    )
    return {definition.name: definition for definition in listed.op}


def test_somebody_has_looked_at_every_operation(registered: dict[str, Any]) -> None:
    """A newer TensorFlow has more. Each is refused until it has its place in families.py."""
    assert len(registered) > 1500
    assert [name for name in registered if named(name) is NOBODY] == []


def test_what_is_allowed_is_there_and_stands_once(registered: dict[str, Any]) -> None:
    names = [name for family in ALLOWED.values() for name in family.split()]
    assert sorted(names) == sorted(set(names))
    assert set(names) <= set(registered)


def test_importing_a_graph_evaluates_nothing_that_is_left_out(registered: dict[str, Any]) -> None:
    """TensorFlow evaluates neither what keeps a state nor what works on one."""
    left_out = [each for name, each in registered.items() if LEFT_OUT.fullmatch(name)]
    assert len(left_out) > 20
    for definition in left_out:
        takes_a_state = any(each.is_ref for each in definition.input_arg)
        assert definition.is_stateful or takes_a_state, definition.name


def test_what_a_file_cannot_have_is_refused() -> None:
    for name in ("readfile", "ReadFile ", "Readfile", "_Arg", "NotYetInvented", "", "Identity\0"):
        assert named(name), name
