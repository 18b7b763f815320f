from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class PackedTensor(_message.Message):
    __slots__ = ("float_val", "double_val", "scomplex_val", "bool_val", "dcomplex_val")
    FLOAT_VAL_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VAL_FIELD_NUMBER: _ClassVar[int]
    SCOMPLEX_VAL_FIELD_NUMBER: _ClassVar[int]
    BOOL_VAL_FIELD_NUMBER: _ClassVar[int]
    DCOMPLEX_VAL_FIELD_NUMBER: _ClassVar[int]
    float_val: bytes
    double_val: bytes
    scomplex_val: bytes
    bool_val: bytes
    dcomplex_val: bytes
    def __init__(self, float_val: _Optional[bytes] = ..., double_val: _Optional[bytes] = ..., scomplex_val: _Optional[bytes] = ..., bool_val: _Optional[bytes] = ..., dcomplex_val: _Optional[bytes] = ...) -> None: ...

class PackedContents(_message.Message):
    __slots__ = ("bool_contents", "fp32_contents", "fp64_contents")
    BOOL_CONTENTS_FIELD_NUMBER: _ClassVar[int]
    FP32_CONTENTS_FIELD_NUMBER: _ClassVar[int]
    FP64_CONTENTS_FIELD_NUMBER: _ClassVar[int]
    bool_contents: bytes
    fp32_contents: bytes
    fp64_contents: bytes
    def __init__(self, bool_contents: _Optional[bytes] = ..., fp32_contents: _Optional[bytes] = ..., fp64_contents: _Optional[bytes] = ...) -> None: ...
