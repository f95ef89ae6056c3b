"""Child processes: the collector, its peer, and the tools that feed and drain them, each on its core."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import yaml

_START_DEADLINE = 20.0
_STOP_DEADLINE = 40.0
_ATTEMPTS = 3
"""How often a relay is started whose ports turn out to be taken."""
_TAKEN = re.compile("address (is )?already in use", re.IGNORECASE)
_DROPPED = re.compile(r'^pyotelcol_dropped_items_total\{.*signal="(\w+)",reason="(\w+)"\} (\d+)$', re.MULTILINE)
_VARIABLE = re.compile(r"\$\{env:(\w+)\}")


class BrokenError(Exception):
    """A process died, did not start, or lost data: there is no figure."""


class AddressTakenError(BrokenError):
    """Somebody else listens where a process should: with other ports it may start."""


def free_ports(count: int) -> list[int]:
    """Return ports, all different, that nobody listens on now; somebody else may before they are used."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


class Cores:
    """Where processes run: those that are measured on one core, and the tools on another, if there are two."""

    def __init__(self, *, pin: bool = True) -> None:
        self.all = sorted(os.sched_getaffinity(0))
        self.pinned = pin and len(self.all) > 1

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Have processes that are started meanwhile run on the core of what is measured."""
        with self._on(self.all[:1]):
            yield

    @contextmanager
    def tools(self) -> Iterator[None]:
        with self._on(self.all[1:]):
            yield

    @contextmanager
    def _on(self, cores: Sequence[int]) -> Iterator[None]:
        if not self.pinned:
            yield
            return
        os.sched_setaffinity(0, cores)
        try:
            yield
        finally:
            os.sched_setaffinity(0, self.all)


class Tool:
    """A module of this package in a process of its own, which answers each line with a line of JSON."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, question: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """
        Raises:
            BrokenError: the process died.
        """
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Return what it says next, asked or not.

        Raises:
            BrokenError: the process died.
        """
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise BrokenError(f"{self._process.args!r} died")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        self._process.communicate(timeout=_STOP_DEADLINE)


class Relay:
    """A collector under measurement: ours or the peer."""

    def __init__(self, name: str, command: Sequence[str], ports: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.ports = ports
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **ports})
        self._proc = psutil.Process(self._process.pid)

    def port(self, protocol: str) -> int:
        return int(self.ports[f"BENCH_{protocol.upper()}"])

    def wait_until_it_listens(self, protocol: str) -> None:
        """
        Raises:
            AddressTakenError: it ended since somebody else listens on one of its ports.
            BrokenError: it does not, in time.
        """
        deadline, port = time.monotonic() + _START_DEADLINE, self.port(protocol)
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._listens_on(port):
                return
            time.sleep(0.05)
        message = f"{self.name} does not listen: {self.log_tail()}"
        raise AddressTakenError(message) if _TAKEN.search(self.log_tail()) else BrokenError(message)

    def _listens_on(self, port: int) -> bool:
        """Whether it does itself: somebody else may have taken the port, and would answer."""
        try:
            sockets = [
                each
                for process in (self._proc, *self._proc.children(recursive=True))
                for each in process.net_connections("tcp")
            ]
        except psutil.Error:  # it has just ended
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)

    def cpu_seconds(self) -> float:
        """Return user and system time of all its threads and children so far."""
        total = 0.0
        for process in (self._proc, *self._proc.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def rss_mib(self) -> float:
        return float(sum(p.memory_info().rss for p in (self._proc, *self._proc.children(recursive=True)))) / (1 << 20)

    def own_mib(self) -> float:
        """Return the part of `rss_mib` that is no file's: the rest are libraries, as far as they are cached."""
        memory = [p.memory_info() for p in (self._proc, *self._proc.children(recursive=True))]
        return float(sum(each.rss - each.shared for each in memory)) / (1 << 20)

    def dropped(self, signal: str, reasons: Collection[str]) -> int:
        """Return how many items it says that it has dropped for these reasons."""
        with urlopen(f"http://127.0.0.1:{self.port('metrics')}/metrics", timeout=_START_DEADLINE) as page:
            found = _DROPPED.findall(page.read().decode())
        return sum(int(items) for its, reason, items in found if its == signal and reason in reasons)

    def log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """
        Raises:
            BrokenError: it had to be killed.
        """
        self._process.terminate()
        try:
            self._process.wait(_STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise BrokenError(f"{self.name} did not stop: {self.log_tail()}") from None


def ports(sink: int) -> dict[str, str]:
    """Choose the ports of one relay; returns the environment that its configuration refers to."""
    names = ("GRPC", "HTTP", "METRICS")
    own = {f"BENCH_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return {**own, "BENCH_SINK": str(sink)}


def listening(start: Callable[[], Relay], protocol: str) -> Relay:
    """Start a relay that listens; with other ports if somebody else has taken one in the meantime.

    Raises:
        BrokenError: it does not listen, in time, or a port was taken several times.
    """
    for attempts_left in reversed(range(_ATTEMPTS)):
        relay = start()
        try:
            relay.wait_until_it_listens(protocol)
        except AddressTakenError:
            relay.stop()
            if not attempts_left:
                raise
        except BaseException:
            relay.stop()
            raise
        else:
            return relay
    raise AssertionError("unreachable")


def command(config: Mapping[str, Any], folder: Path, *subcommand: str) -> list[str]:
    """Write a collector's configuration into `folder` and return the command that takes it."""
    path = folder / "collector.yaml"
    path.write_text(yaml.safe_dump(dict(config)))
    return [sys.executable, "-m", "collector", *subcommand, "--config", str(path)]


def collector(config: Mapping[str, Any], sink: int, folder: Path, protocol: str) -> Relay:
    """Start the collector and wait until it listens; raises as `listening`."""
    written = command(config, folder)
    return listening(lambda: Relay("pyotelcol", written, ports(sink), folder / "pyotelcol.log"), protocol)


def peer_binary() -> Path | None:
    """Return the program of the package `rotel`, None where it is not installed."""
    found = importlib.util.find_spec("rotel")
    return Path(found.origin).parent / "rotel-agent" if found and found.origin else None


def peer(flags: Sequence[str], sink: int, folder: Path, protocol: str) -> Relay | None:
    """Start the peer with the same settings and wait until it listens; None where it is not installed.

    Raises as `listening`.
    """
    binary = peer_binary()
    if binary is None:
        return None
    own = [f"--log-file={folder / 'rotel-agent.log'}", f"--pid-file={folder / 'rotel-agent.pid'}"]

    def start() -> Relay:
        chosen = ports(sink)
        written = [_VARIABLE.sub(lambda found: chosen[found[1]], flag) for flag in flags]
        return Relay("rotel", [str(binary), "start", *own, *written], chosen, folder / "rotel.log")

    return listening(start, protocol)
