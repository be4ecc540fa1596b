"""What the process that reads a hostile document is allowed: to compute, and to read libraries. Nothing else.

Resource limits, Landlock (files read-only from an allow-list, no TCP) and seccomp (no sockets, no new processes, no
signals to others), all without privileges. Sources: landlock(7), seccomp(2), and the kernel's syscall tables.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.indexer.extract.results import Limits

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 38, 22
SECCOMP_MODE_FILTER = 2
CAPABILITIES_VERSION = 0x20080522
SIGKILL = 9

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
READ_FILE, READ_DIR = 1 << 2, 1 << 3

READABLE = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)
"""With the interpreter, its packages and the process's own "/proc/self", all that may be read."""

CLONE_THREAD = 0x10000
ERRNO, ALLOW, KILL = 0x00050000, 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 1, 38

# Denied system calls by machine: their audit architecture and numbers (linux/arch/*/entry/syscalls).
MACHINES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41, "connect": 42, "bind": 49, "execve": 59, "execveat": 322, "fork": 57, "vfork": 58,
            "clone": 56, "clone3": 435, "ptrace": 101, "kill": 62, "tkill": 200, "unshare": 272, "setns": 308,
            "mount": 165, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250,
            "add_key": 248, "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_open": 434,
            "pidfd_send_signal": 424, "memfd_create": 319, "chmod": 90, "fchmod": 91, "fchmodat": 268,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "socket": 198, "connect": 203, "bind": 200, "execve": 221, "execveat": 281, "clone": 220, "clone3": 435,
            "ptrace": 117, "kill": 129, "tkill": 130, "unshare": 97, "setns": 268, "mount": 40, "bpf": 280,
            "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425, "keyctl": 219, "add_key": 217,
            "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_open": 434, "pidfd_send_signal": 424,
            "memfd_create": 279, "fchmod": 52, "fchmodat": 53,
        },
    ),
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class CannotConfine(Exception):
    """This machine cannot confine a process; nothing hostile may be read on it."""


def die_with_parent() -> None:
    """End this process when the one that forked it ends."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "prctl")


def drop_capabilities() -> None:
    """Be as weak as any user, even when root: limits that were set cannot be raised again."""
    header = struct.pack("<Ii", CAPABILITIES_VERSION, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a process gives up, prepared once by the warm process: its children then need a few system calls."""

    readable: tuple[tuple[int, int], ...]
    """What may be read: descriptors, each with its rights."""
    program: bytes
    """Seccomp's."""

    @classmethod
    def prepared(cls) -> "Confinement":
        """For this machine. Raises CannotConfine when it has no Landlock or an unknown processor."""
        if platform.machine() not in MACHINES:
            raise CannotConfine(f"no system call table for {platform.machine()}")
        if _landlock_version() < 0:
            raise CannotConfine("this kernel has no Landlock")
        readable = (_opened(path) for path in (*READABLE, *_interpreter()) if Path(path).exists())
        return cls(tuple(readable), _filter(*MACHINES[platform.machine()]))

    def enter(self) -> None:
        """Give up, for good, everything that reading a document does not need. Raises CannotConfine."""
        _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
        for layer in LAYERS.values():
            layer(self)


def limit(limits: Limits) -> None:
    """Set the resources that reading one document may use; for good, too."""
    for kind, bounds in RESOURCES.values():
        resource.setrlimit(kind, bounds(limits))


RESOURCES: dict[str, tuple[int, Callable[[Limits], tuple[int, int]]]] = {
    "memory": (resource.RLIMIT_AS, lambda limits: (limits.memory_bytes, limits.memory_bytes)),
    "cpu": (resource.RLIMIT_CPU, lambda limits: (limits.cpu_seconds, limits.cpu_seconds + 1)),
    "output": (resource.RLIMIT_FSIZE, lambda limits: (limits.output_bytes, limits.output_bytes)),
    "descriptors": (resource.RLIMIT_NOFILE, lambda _: (64, 64)),
    "core": (resource.RLIMIT_CORE, lambda _: (0, 0)),
}
"""Each resource limit. Tests take one away to prove that another test needs it; nothing else may."""


def _landlock(confinement: Confinement) -> None:
    """A set of its own for each child, as "/proc/self" is another folder in each."""
    ruleset = _ruleset()
    for descriptor, rights in (*confinement.readable, _opened("/proc/self")):
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, descriptor), 12)
        _checked(_libc.syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0), "landlock rule")
        os.close(descriptor)
    _checked(_libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock restrict")
    os.close(ruleset)


def _seccomp(confinement: Confinement) -> None:
    code = ctypes.create_string_buffer(confinement.program, len(confinement.program))
    described = _Program(len(confinement.program) // 8, ctypes.addressof(code))
    _checked(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0), "seccomp")


LAYERS: dict[str, Callable[[Confinement], None]] = {"landlock": _landlock, "seccomp": _seccomp}
"""What bars the way out. Tests take one away, as they do with RESOURCES."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _interpreter() -> Sequence[str]:
    """Where Python and its packages are."""
    places = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path and Path(path).is_dir())}
    return sorted(places)


def _landlock_version() -> int:
    return int(_libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def _ruleset() -> int:
    version = _landlock_version()
    handled = (1 << 13) - 1
    for since, right in ((2, 13), (3, 14), (5, 15)):
        if version >= since:
            handled |= 1 << right
    attributes = struct.pack("<Q", handled)
    if version >= 4:
        attributes += struct.pack("<Q", 3)  # neither bind nor connect TCP
    if version >= 6:
        attributes += struct.pack("<Q", 3)  # neither abstract sockets nor signals outside
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    size = ctypes.c_size_t(len(attributes))
    return _checked(_libc.syscall(LANDLOCK_CREATE_RULESET, buffer, size, 0), "landlock")


def _opened(path: str) -> tuple[int, int]:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    return descriptor, READ_FILE | READ_DIR if Path(path).is_dir() else READ_FILE


def _filter(architecture: int, numbers: dict[str, int]) -> bytes:
    """The BPF program: the denied calls fail with EPERM, new threads are allowed, new processes are not."""

    def step(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("<HBBI", code, yes, no, value)

    load, equal, at_least, bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    program = [step(load, 0, 0, 4), step(equal, 1, 0, architecture), step(give, 0, 0, KILL), step(load, 0, 0, 0)]
    program += [step(at_least, 0, 1, 0x40000000), step(give, 0, 0, ERRNO | EPERM)]  # the x32 variants of every call
    program += [step(equal, 0, 1, numbers["clone3"]), step(give, 0, 0, ERRNO | ENOSYS)]  # libc then falls back to clone
    for name, number in numbers.items():
        if name not in ("clone", "clone3"):
            program += [step(equal, 0, 1, number), step(give, 0, 0, ERRNO | EPERM)]
    program += [step(equal, 0, 4, numbers["clone"]), step(load, 0, 0, 16), step(bits, 1, 0, CLONE_THREAD)]
    program += [step(give, 0, 0, ERRNO | EPERM), step(give, 0, 0, ALLOW), step(give, 0, 0, ALLOW)]
    return b"".join(program)


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise CannotConfine(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result
