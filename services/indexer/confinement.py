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
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 38, 22
SECCOMP_MODE_FILTER = 2
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
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)
"""With the interpreter and its packages, all that may be read."""

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


class CannotConfine(Exception):
    """This machine cannot confine a process; nothing hostile may be read on it."""


def die_with_parent() -> None:
    """End this process when the one that forked it ends."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "prctl")


def confine(memory_bytes: int, cpu_seconds: int, output_bytes: int) -> None:
    """Give up, for good, everything that reading a document does not need. Raises CannotConfine."""
    _limit(memory_bytes, cpu_seconds, output_bytes)
    _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _landlock([*READABLE, *_interpreter()])
    _seccomp()


def _limit(memory_bytes: int, cpu_seconds: int, output_bytes: int) -> None:
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, output_bytes, output_bytes),
        (resource.RLIMIT_NOFILE, 64, 64),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))


def _interpreter() -> Sequence[str]:
    """Where Python and its packages are."""
    places = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path and Path(path).is_dir())}
    return sorted(places)


def _landlock(readable: Sequence[str]) -> None:
    syscall = _libc.syscall
    syscall.restype = ctypes.c_long
    version = syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 0:
        raise CannotConfine("this kernel has no Landlock")
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
    ruleset = _checked(syscall(LANDLOCK_CREATE_RULESET, buffer, ctypes.c_size_t(len(attributes)), 0), "landlock")
    for path in readable:
        _allow_reading(syscall, ruleset, path)
    _checked(syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0), "landlock restrict")
    os.close(ruleset)


def _allow_reading(syscall: "ctypes._NamedFuncPointer", ruleset: int, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rights = READ_FILE | READ_DIR if Path(path).is_dir() else READ_FILE
    rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, descriptor), 12)
    _checked(syscall(LANDLOCK_ADD_RULE, ruleset, 1, rule, 0), f"landlock rule {path}")
    os.close(descriptor)


def _seccomp() -> None:
    if platform.machine() not in MACHINES:
        raise CannotConfine(f"no system call table for {platform.machine()}")
    program = _filter(*MACHINES[platform.machine()])
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    described = Program(len(program) // 8, ctypes.addressof(code))
    _checked(_libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0), "seccomp")


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
