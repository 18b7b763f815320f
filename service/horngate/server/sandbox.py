"""Takes from the server's own process what serving does not need, for models of other people.

Landlock leaves it the files that it reads, its folder for temporary files, and its own ports;
seccomp takes new programs, debugging, the kernel's doors and every socket but TCP and Unix. Both
are the kernel's, need no privilege, and are never given back, by whatever runs in the process.

Landlock holds for the thread that asks and those that it starts. numpy starts some as it is
imported, so the process takes Landlock first and then starts its program anew, under the same
number; seccomp, which would forbid just that, comes second.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from horngate.config.server import FILE_KEY, PREFIX, ServerSettings
from horngate.errors import ConfigError
from horngate.telemetry.logs import logger

MARK: Final = "_HORNGATE_CONFINED"
"""Set from the first step to the second; read and removed before anything else is."""

PARTS: Final = ("files", "TCP ports", "signals and abstract sockets", "system calls")
"""What is taken, each by a part of the kernel that older ones lack."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_PATH_BENEATH, _NET_PORT = 1, 2
_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
"""What can be allowed of a file; the rest is a folder's. The last two: truncate, device ioctl."""
_READ: Final = _READ_FILE | _READ_DIR
_ALL_FILES: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""What Landlock knows of files, from which of its versions on."""
_BIND, _CONNECT = 1 << 0, 1 << 1
_SCOPES: Final = 0b11  # abstract Unix sockets and signals: this process's own
_NET_FROM, _SCOPES_FROM = 4, 6

_NOWHERE: Final = "/nonexistent"
"""Where Keras looks for settings of its own: it takes its defaults where there is nothing, and
fails where it finds a file that it may not read."""

_SYSTEM: Final = ("/usr", "/lib", "/lib64", "/bin", "/opt/horngate")
_ETC: Final = (
    "ld.so.cache", "localtime", "nsswitch.conf", "hosts", "host.conf", "resolv.conf", "gai.conf",
    "ssl/openssl.cnf",
)  # fmt: skip
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

_CALLS: Final = {
    # x86_64: first those that EPERM answers, then those that have to look as if they did not exist,
    # so that libraries do without.
    "x86_64": (
        0xC000003E,
        (59, 322, 57, 58, 101, 310, 311, 246, 320, 175, 313, 176, 321, 298, 323, 250, 248, 249,
         165, 166, 155, 161, 429, 428, 430, 431, 432, 433, 442, 272, 308, 135, 169, 167, 168, 163,
         179, 164, 227, 172, 173, 304, 312, 438, 103, 170, 171, 154),
        (435, 425, 426, 427),
        56, 41,
    ),
    "aarch64": (
        0xC00000B7,
        (221, 281, 117, 270, 271, 104, 294, 105, 273, 106, 280, 241, 282, 219, 217, 218, 40, 39,
         41, 51, 429, 428, 430, 431, 432, 433, 442, 97, 268, 92, 142, 224, 225, 89, 60, 170, 112,
         265, 272, 438, 116, 161, 162),
        (435, 425, 426, 427),
        220, 198,
    ),
}  # fmt: skip
"""By machine: its number for seccomp; execve, execveat, fork, ptrace, process_vm_*, kexec, modules,
bpf, perf, userfaultfd, keys, mounts, namespaces, personality, reboot, swap, acct, quotas, clocks,
ports, handles, kcmp, pidfd_getfd, syslog, host names, ldt; clone3 and io_uring; clone; socket."""

_THREAD: Final = 0x10000  # CLONE_THREAD
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_STREAM, _KIND = 1, 0xF
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_SET_FILTER, _ALL_THREADS = 1, 1
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}

_libc = ctypes.CDLL(None, use_errno=True)


def confine(settings: ServerSettings, flags: Mapping[str, str]) -> None:
    """Do as ``settings.sandbox`` says. Called once, before anything is started.

    The first call ends with the program started anew; the second returns, and says in the log
    what holds.

    Raises:
        ConfigError: the sandbox is required, and the kernel cannot give all of it.
    """
    if settings.sandbox == "off":
        return
    version = os.environ.pop(MARK, None)
    if version is None:
        abi = landlock_version()
        missing = _missing(abi)
        if missing and settings.sandbox == "required":
            raise ConfigError(
                f"sandbox: expected a kernel with all of it, received one without "
                f"{', '.join(missing)}; use a newer one, or sandbox = on for what there is"
            )
        if abi:
            restrict_files_and_ports(abi, settings, flags)
        os.environ[MARK] = str(abi)
        os.environ["KERAS_HOME"] = _NOWHERE
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself
    abi = int(version)
    missing = _missing(abi)
    if platform.machine() in _CALLS:
        restrict_calls()
    enforced = [part for part in PARTS if part not in missing]
    log = logger("sandbox")
    log.info("confined", enforced=enforced, landlock=abi)
    if missing:
        log.warning("not confined in all", missing=missing, remedy="a newer kernel")


def landlock_version() -> int:
    """The version of the kernel's Landlock, 0 where it has none or has it switched off."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def restrict_files_and_ports(abi: int, settings: ServerSettings, flags: Mapping[str, str]) -> None:
    """Give up every file and TCP port but those that serving with ``settings`` needs."""
    files = max(rights for since, rights in _ALL_FILES.items() if since <= abi)
    net = _BIND | _CONNECT if abi >= _NET_FROM else 0
    attributes = struct.pack("QQQ", files, net, _SCOPES if abi >= _SCOPES_FROM else 0)
    size = 8 if abi < _NET_FROM else 16 if abi < _SCOPES_FROM else 24
    ruleset = _called(_CREATE_RULESET, attributes, size, 0)
    for path in (*_SYSTEM, *_python()):
        _allow(ruleset, path, _READ | _EXECUTE)
    for path in ("/proc", "/sys", *(f"/etc/{name}" for name in _ETC), *_named(settings, flags)):
        _allow(ruleset, path, _READ)
    for path in _DEVICES:
        _allow(ruleset, path, _READ_FILE | _WRITE_FILE)
    writable = [tempfile.gettempdir()]
    if settings.allow_shared_memory:
        writable.append("/dev/shm")  # noqa: S108 - where Linux keeps POSIX shared memory
    if settings.grpc_socket_path is not None:
        writable.append(str(settings.grpc_socket_path.absolute().parent))
    for path in writable:
        _allow(ruleset, path, files & ~_EXECUTE)
    if net:
        for port in {settings.grpc_port, settings.http_port}:
            _called(_ADD_RULE, ruleset, _NET_PORT, struct.pack("QQ", _BIND, port), 0)
    _no_new_privileges()
    _called(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def restrict_calls() -> None:
    """Give up the system's calls that serving does not need, in every thread of the process."""
    _no_new_privileges()
    program = _filter(platform.machine())
    buffer = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if _called(_SECCOMP[platform.machine()], _SET_FILTER, _ALL_THREADS, pointer):
        raise OSError(errno.EAGAIN, "a thread of the process could not be given the filter")


def _missing(abi: int) -> list[str]:
    have = (abi >= 1, abi >= _NET_FROM, abi >= _SCOPES_FROM, platform.machine() in _CALLS)
    return [part for part, there in zip(PARTS, have, strict=True) if not there]


def _python() -> set[str]:
    """Where Python, its packages and this one lie."""
    return {
        *(path for path in sys.path if path),
        *sysconfig.get_paths().values(),
        sys.prefix,
        sys.base_prefix,
        str(Path(sys.executable).parent),
        str(Path(sys.executable).resolve().parent),
    }


def _named(settings: ServerSettings, flags: Mapping[str, str]) -> Iterable[str]:
    """What the settings name: models, and files with the folders that they are renewed in."""
    folders = [settings.models, settings.model_base_path]
    folders += [Path(root.strip()) for root in settings.model_roots.split(",") if root.strip()]
    file = flags.get(FILE_KEY) or os.environ.get(PREFIX + FILE_KEY.upper())
    files = [
        None if file is None else Path(file),
        settings.model_config_file,
        settings.batching_parameters_file,
        settings.tokens_file,
        settings.tls_cert,
        settings.tls_key,
        settings.tls_client_ca,
    ]
    for path in filter(None, files):
        folders += [path.absolute().parent, path.resolve().parent]
    return [str(folder) for folder in folders if folder is not None]


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no leave
    try:
        if not Path(path).is_dir():
            rights &= _OF_FILES
        # Packed, as the kernel has it: twelve bytes.
        rule = struct.pack("=Qi", rights, handle)
        _called(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(handle)


def _filter(machine: str) -> bytes:
    """The program for seccomp: one look-up after the other, jumping over an answer each."""
    number, refused, absent, clone, socket = _CALLS[machine]

    def load(offset: int) -> bytes:
        return struct.pack("HBBI", 0x20, 0, 0, offset)

    def unless(code: int, value: int, over: int = 1) -> bytes:
        return struct.pack("HBBI", code, 0, over, value)

    def answer(error: int) -> bytes:
        return struct.pack("HBBI", 0x06, 0, 0, _ERRNO | error if error else _ALLOW)

    equal, at_least, has = 0x15, 0x35, 0x45
    first = 16  # of the call's arguments, eight bytes each
    no, none = answer(errno.EPERM), answer(errno.ENOSYS)
    program = [load(4), struct.pack("HBBI", equal, 1, 0, number), no, load(0)]
    program += [unless(at_least, 0x40000000), no]  # another numbering of the same machine
    for call in absent:
        program += [unless(equal, call), none]
    for call in refused:
        program += [unless(equal, call), no]
    # A clone that is a thread may be.
    thread = [load(first), unless(has, _THREAD), answer(0), no]
    program += [unless(equal, clone, len(thread)), *thread]
    unix = [unless(equal, _AF_UNIX), answer(0)]
    internet = [
        struct.pack("HBBI", equal, 2, 0, _AF_INET),
        struct.pack("HBBI", equal, 1, 0, _AF_INET6),
        no,
    ]
    kind = [
        load(first + 8), struct.pack("HBBI", 0x54, 0, 0, _KIND),
        struct.pack("HBBI", equal, 1, 0, _STREAM), no,
        # Another protocol than TCP's (0 or 6) is none that Landlock looks at.
        load(first + 16), unless(equal, 0), answer(0), unless(equal, 6), answer(0), no,
    ]  # fmt: skip
    sockets = [load(first), *unix, *internet, *kind]
    program += [unless(equal, socket, len(sockets)), *sockets, answer(0)]
    return b"".join(program)


def _no_new_privileges() -> None:
    if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")


def _called(call: int, *arguments: object) -> int:
    result = int(_libc.syscall(call, *arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"system call {call}: {os.strerror(number)}")
    return result
