"""Horngate's own descriptor pool, in which every message of its wire contracts lives.

In protobuf's default pool a file may be declared once per process. TensorFlow, TensorFlow
Serving's API package and Triton's client each declare the same names there, in other files, so
whichever came second would fail to import. In a pool of our own there is nothing to meet.

The modules under ``pb/`` are generated (``protos/generate.py``) and call ``load`` here. They are
not protoc's own Python output, because that registers in the default pool and refuses to run on
a protobuf older than the compiler that wrote it.
"""

from __future__ import annotations

import copyreg
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

POOL: Final = DescriptorPool()
"""Every file of ``protos/``; complete once ``horngate.protocols.pb`` is imported."""


def load(serialized: bytes, module: str, namespace: dict[str, Any]) -> FileDescriptor:
    """Add one ``FileDescriptorProto`` and put what it declares into a module's globals.

    Args:
        serialized: the file; those that it imports must be in the pool already.
        module: the importable name that messages are given, which is what pickling needs.
        namespace: the globals of ``module``; classes, enums and enum values are added.
    """
    file = POOL.AddSerializedFile(serialized)
    for name, enum in file.enum_types_by_name.items():
        namespace[name] = EnumTypeWrapper(enum)
        namespace.update((value.name, value.number) for value in enum.values)
    for name, message in file.message_types_by_name.items():
        namespace[name] = _place(message, module, name)
    return file


def _place(descriptor: Descriptor, module: str, qualified_name: str) -> type[Message]:
    """The class of ``descriptor``, and those inside it, told where they can be imported."""
    message = GetMessageClass(descriptor)
    message.__module__ = module
    message.__qualname__ = qualified_name
    copyreg.pickle(message, _reduce)
    for name, nested in descriptor.nested_types_by_name.items():
        setattr(message, name, _place(nested, module, f"{qualified_name}.{name}"))
    return message


def _reduce(message: Message) -> tuple[Any, ...]:
    """How a message pickles: its class by name and its bytes.

    protobuf's own way looks nested classes up in the default pool, where they are not, or where
    TensorFlow's are.
    """
    return _restore, (type(message), message.SerializeToString())


def _restore(message: type[Message], serialized: bytes) -> Message:
    return message.FromString(serialized)
