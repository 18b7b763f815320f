"""Whether a new version can take the place of the one that callers know."""

from __future__ import annotations

from collections.abc import Mapping

from horngate.errors import LoadError
from horngate.lifecycle.served import ServedVersion
from horngate.lifecycle.settings import VersionOptions
from horngate.tensors import Signature, TensorSpec


def check_compatibility(
    newest: ServedVersion, version: ServedVersion, options: VersionOptions
) -> None:
    """Refuse a ``version`` whose signatures differ from those of ``newest``, which is live.

    Raises:
        LoadError: with the difference and what to do.
    """
    if options.allow_changed_signatures:
        return
    wrong = difference(newest.signatures, version.signatures)
    if wrong is not None:
        raise LoadError(
            f"expected the signatures of version {newest.number}, which is live: {wrong}; publish "
            "it under another name, or set versions.allow_changed_signatures in model.toml"
        )


def difference(before: Mapping[str, Signature], after: Mapping[str, Signature]) -> str | None:
    """What a caller of ``before`` would miss in ``after``, in words; None for nothing.

    More signatures, more outputs and freer shapes of inputs harm nobody. Whatever else differs
    breaks callers that were right until then.
    """
    for name, known in before.items():
        if name not in after:
            return f"signature {name!r} is gone; there is {', '.join(sorted(after))}"
        wrong = _inputs(known.inputs, after[name].inputs) or _outputs(
            known.outputs, after[name].outputs
        )
        if wrong is not None:
            return f"signature {name!r}: {wrong}"
    return None


def _inputs(before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> str | None:
    if before.keys() != after.keys():
        return f"expected the inputs {_names(before)}, received {_names(after)}"
    for name, known in before.items():
        if known.dtype is not after[name].dtype or not _takes(after[name], known):
            return f"input {name!r}: expected {known}, received {after[name]}"
    return None


def _outputs(before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> str | None:
    for name, known in before.items():
        if name not in after:
            return f"output {name!r} is gone; there is {_names(after)}"
        if known.dtype is not after[name].dtype or not _takes(known, after[name]):
            return f"output {name!r}: expected {known}, received {after[name]}"
    return None


def _takes(wide: TensorSpec, narrow: TensorSpec) -> bool:
    """Whether every shape of ``narrow`` is one of ``wide``."""
    return len(wide.shape) == len(narrow.shape) and all(
        size is None or size == other for size, other in zip(wide.shape, narrow.shape, strict=True)
    )


def _names(specs: Mapping[str, TensorSpec]) -> str:
    return ", ".join(sorted(specs)) or "none"
