"""Running a version before it goes live, so that no request pays for a first time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from horngate.batching.admission import admit
from horngate.batching.options import BatchingOptions
from horngate.errors import EngineFailed, HorngateError, LoadError, in_full
from horngate.lifecycle.declared import Declared
from horngate.servable import Files, Servable
from horngate.store.cost import repeated, zeros
from horngate.store.goldens import Golden
from horngate.tensors import Arrays, Signature


class Recorded(NamedTuple):
    """One recorded request: where it stands, for an error, what it asks, and how often it runs."""

    where: str
    signature: str
    inputs: Arrays
    times: int = 1


ReadRecorded = Callable[[Files, Mapping[str, Signature]], Iterable[Recorded]]
"""Reads the requests that a version carries to be warmed up with; raises ``LoadError``."""

ReadSamples = Callable[[Declared, Mapping[str, Signature]], Iterable[Recorded]]
"""Makes those that a model's ``config.pbtxt`` tells of; raises ``LoadError``."""


def by_signature(recorded: Iterable[Recorded]) -> dict[str, list[Arrays]]:
    """The inputs of ``recorded`` requests by the signature that they ask."""
    found: dict[str, list[Arrays]] = {}
    for request in recorded:
        found.setdefault(request.signature, []).append(request.inputs)
    return found


def warm_up(
    servable: Servable,
    goldens: Mapping[str, Golden],
    options: BatchingOptions,
    recorded: Iterable[Recorded] = (),
    *,
    alone: Collection[str] = (),
) -> None:
    """Replay what is ``recorded``, and run every signature at one row and at a full batch.

    Where only some batch sizes are allowed, all is run at each of those. Signatures that run
    ``alone`` meet no batch: what is recorded is run as it is. Recorded inputs are
    repeated to the size. Where a signature has none, zeros are tried; a model may well refuse
    those, and nothing is concluded from it.

    Raises:
        LoadError: recorded inputs failed to run, or every signature fails for a defect of its own.
    """
    replay(servable, recorded, options, alone=alone)
    broken: dict[str, EngineFailed] = {}
    for name, signature in servable.signatures.items():
        golden = goldens.get(name)
        if name in alone and golden is not None:
            continue  # it ran when its answers were checked
        sizes = options.allowed_batch_sizes or (1, options.max_batch_size or 1)
        for rows in sizes if signature.batched and name not in alone else (1,):
            if golden is not None:
                try:
                    servable.run(name, repeated(signature, golden.inputs, rows))
                except Exception as error:
                    raise LoadError(
                        f"the goldens of signature {name!r} failed to run on {rows} rows; lower "
                        "max_batch_size in model.toml if that is more than the model takes; the "
                        "server's log says why",
                        detail=in_full(error),
                    ) from error
            else:
                try:
                    servable.run(name, zeros(signature, rows))
                except EngineFailed as error:
                    broken[name] = error
                except Exception:  # noqa: BLE001, S110 - what it refuses says nothing
                    pass
    if broken and broken.keys() == servable.signatures.keys():
        name, failed = next(iter(broken.items()))
        raise LoadError(f"signature {name!r}: {failed}", detail=failed.detail) from failed


def replay(
    servable: Servable,
    recorded: Iterable[Recorded],
    options: BatchingOptions,
    *,
    alone: Collection[str] = (),
) -> None:
    """Run what is ``recorded``, as ``warm_up`` does.

    Raises:
        LoadError: it failed to run.
    """
    for request in recorded:
        for _ in range(request.times):
            _replay(servable, request, options, alone)


def _replay(
    servable: Servable, request: Recorded, options: BatchingOptions, alone: Collection[str]
) -> None:
    signature = servable.signatures[request.signature]
    try:
        rows, misfit = admit(
            signature,
            request.inputs,
            max_rows=2**31,
            any_shape=signature.name in servable.any_shape,
        )
        if signature.name in alone or misfit is not None:
            servable.run(signature.name, request.inputs)
            return
        sizes = options.allowed_batch_sizes if signature.batched else ()
        for size in sizes or (rows,):
            servable.run(signature.name, repeated(signature, request.inputs, size))
    except HorngateError as error:
        raise LoadError(f"{request.where}: {error}", detail=error.detail) from error
    except Exception as error:
        raise LoadError(
            f"{request.where} failed to run; the server's log says why", detail=in_full(error)
        ) from error
