"""The table of equal operations: that it is the one that is told, and that it is still true."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import tensorflow as tf

from horngate.builder.equal_operations import FILE, edition_of, made_with, read_table
from horngate.builder.inspection import NEEDS, inspect
from horngate.errors import PublishError
from horngate.store.compiled import EDITION
from tests.equality.catalogue import probes
from tests.equality.children import outcomes
from tests.equality.probe import Outcome
from tests.equality.table import table

SAMPLE = (
    *("Less int64", "SelectV2 float32", "Cast float32 to int8", "Softplus float16", "Pow int32"),
    *("FloorDiv int64", "FloorDiv int64 by a constant", "TopKV2 int64 as int32", "LRN float32 5"),
    *("ArgMax float32 as int64", "Sum int64 by int32", "LookupTableFindV2 string to int64"),
    *("Mean float32 by int32, maybe of nothing", "Max float32 by int32", "StatelessWhile GRU"),
)
"""Of every kind: equal, edited to be, and refused."""

ENDS = "TruncateDiv int64"
"""The last, so that no process is begun for what comes after it."""


@pytest.fixture(scope="module")
def found() -> dict[str, Outcome]:
    return dict(outcomes([*SAMPLE, ENDS]))


def test_a_server_without_a_builder_goes_by_the_same_edition() -> None:
    assert edition_of(FILE.read_bytes()) == read_table().edition == EDITION


def test_what_is_asked_of_nodes_can_be_seen() -> None:
    told = {
        need.partition(":")[0]
        for rows in read_table().rows.values()
        for row in rows
        for need in row.needs
    }
    assert told <= NEEDS.keys()


def test_the_table_has_every_operation_that_is_probed_and_no_other() -> None:
    probed = {name for probe in probes().values() for name in (probe.operation, *probe.also)}
    assert read_table().rows.keys() <= probed


def test_a_sample_is_answered_as_the_table_says(found: dict[str, Outcome]) -> None:
    assert found.keys() == {*SAMPLE, ENDS}
    for name in SAMPLE:
        probe, outcome = probes()[name], found[name]
        for operation, kinds in outcome.nodes.items():
            for types in kinds:
                rows = [
                    row
                    for row in read_table().rows[operation]
                    if row.needs == probe.needs and (types in row.equal or types in row.unequal)
                ]
                assert [types in row.equal for row in rows] == [not outcome.why] * len(rows), (
                    probe.name
                )
                assert rows, probe.name


def test_one_that_ends_its_process_is_named_and_not_equal(found: dict[str, Outcome]) -> None:
    outcome = found[ENDS]
    assert outcome.why == "ends the process (SIGFPE)"
    rows = json.loads(table([(probes()[ENDS], outcome)]))["rows"]
    assert "SIGFPE" in rows[0]["unequal"]["T=int64"]


def test_nothing_is_compiled_with_versions_that_the_table_does_not_know() -> None:
    assert read_table().stale() == ""
    other = replace(read_table(), tools=made_with() | {"onnxruntime": "1.2.3"})
    with tf.Graph().as_default() as graph:
        tf.compat.v1.placeholder(tf.float32, [None], "x")
    with pytest.raises(
        PublishError, match=r"known for onnxruntime 1\.2\.3, and \S+ is installed; run"
    ):
        inspect(graph.as_graph_def(), other)
    patch = made_with()["tensorflow"].rpartition(".")[0] + ".99"
    assert replace(read_table(), tools=made_with() | {"tensorflow": patch}).stale() == ""
