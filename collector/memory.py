"""How much memory this process uses, and how much it may use."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_CGROUP = Path("/proc/self/cgroup")
_CGROUP_ROOT = Path("/sys/fs/cgroup")


def resident_bytes() -> int:
    """Return this process's resident memory, which is what a kernel kills for."""
    if sys.platform != "linux":
        import psutil  # noqa: PLC0415  not installed on Linux, where reading a file does

        return int(psutil.Process().memory_info().rss)
    return int(os.pread(_statm(os.getpid()), 256, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Let nobody look for garbage while something large is made, of which nothing is: that takes longer than making it.

    May be used in several threads at once: whoever found it on turns it on again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@cache
def _statm(pid: int) -> int:
    """Return a file of this process that stays open: no other can be opened when connections have taken them all."""
    return os.open(f"/proc/{pid}/statm", os.O_RDONLY)


def available_bytes(cgroups: Path = _CGROUP, root: Path = _CGROUP_ROOT) -> int:
    """Return how much memory this process may use: the machine's, or less where a cgroup says so.

    Args:
        cgroups: the file that says which cgroups the process is in.
        root: where the cgroup file systems are mounted.
    """
    if sys.platform != "linux":
        import psutil  # noqa: PLC0415

        return int(psutil.virtual_memory().total)
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([total, *_limits(cgroups, root)])


def _limits(cgroups: Path, root: Path) -> Iterator[int]:
    """Yield the limit of every cgroup from the process's own up to the root, of both versions."""
    for line in cgroups.read_text(encoding="utf-8").splitlines() if cgroups.exists() else ():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _upwards(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _upwards(root / "memory", path, "memory.limit_in_bytes")


def _upwards(root: Path, path: str, name: str) -> Iterator[int]:
    parts = Path(path.lstrip("/")).parts
    for depth in range(len(parts), -1, -1):
        file = root.joinpath(*parts[:depth], name)
        # within a container the path may be one of the host's, which is not there
        text = file.read_text(encoding="utf-8").strip() if file.is_file() else "max"
        if text.isdecimal():
            yield int(text)
