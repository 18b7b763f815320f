"""Numbers too small for full precision, taken as zeros while a function runs.

TensorFlow's threads flush denormal numbers to zero. ONNX Runtime computes in the thread that calls
it, where its ``session.set_denormal_as_zero`` reaches the first session's thread and no other (it
does reach the threads that a session starts). ``1e-40`` would then win an ``argmax`` in one engine
and tie with zero in the other. This module knows the C library's floating-point environment and no
engine.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from typing import Any, Final

_WORDS: Final = 16  # of 32 bits; the largest fenv_t has 8
_BITS: Final = {
    "x86_64": (7, 0x8040),  # of MXCSR, the last word of fenv_t: flush to zero, denormals are zero
    "aarch64": (0, 1 << 24),  # of FPCR, the first word: FZ
}
_DEFAULT: Final = ctypes.c_void_p(-1)  # FE_DFL_ENV, as glibc and musl have it on both


def _library() -> ctypes.PyDLL | None:
    if platform.system() != "Linux" or platform.machine() not in _BITS:
        return None
    try:
        library = ctypes.PyDLL("libm.so.6")  # a call that keeps the interpreter costs half
        library.fegetenv.argtypes = library.fesetenv.argtypes = [ctypes.c_void_p]
    except (OSError, AttributeError):
        return None
    return library


def _environment(library: ctypes.PyDLL) -> ctypes.Array[ctypes.c_uint32]:
    words = (ctypes.c_uint32 * _WORDS)()
    library.fesetenv(_DEFAULT)
    library.fegetenv(words)
    word, bits = _BITS[platform.machine()]
    words[word] |= bits
    return words


def flushed(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, during which the calling thread takes denormal numbers as zeros.

    Afterwards the thread has C's default environment again, which is Python's. Costs half a
    microsecond a call. Where the machine is none of those known, ``function`` itself.
    """
    if _LIBRARY is None:
        return function
    switch, default = _LIBRARY.fesetenv, _DEFAULT
    flushing = ctypes.c_void_p(ctypes.addressof(_FLUSHING))  # which costs less than the array

    def run(*args: Any) -> Any:
        switch(flushing)
        try:
            return function(*args)
        finally:
            switch(default)

    return run


_LIBRARY: Final = _library()
_FLUSHING: Final = _environment(_LIBRARY) if _LIBRARY is not None else (ctypes.c_uint32 * 0)()
KNOWN: Final = _LIBRARY is not None
"""Whether this machine is one where denormal numbers can be flushed."""
