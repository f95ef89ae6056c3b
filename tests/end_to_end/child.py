"""A collector in a process of its own, as users run it, and what a test wants to know of it."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from collector.batch import SHAPES, Signal

READY_WITHIN = 20.0
_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_NAMED_PORTS = range(20_000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]))
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def free_port():
    """
    Return one that the system gives to nobody who asks for any: it stays free until the process that wants it is there.
    """
    while True:
        port = secrets.choice(_NAMED_PORTS)
        with socket.socket() as listening, suppress(OSError):
            listening.bind(("127.0.0.1", port))
            return port


class Child:
    """
    `config` may use {grpc}, {http}, {metrics} and any other name for a free port.

    `shell` is what a shell does to the process that it becomes, such as `exec "$@" <&-`.
    """

    def __init__(self, config, directory, *, arguments=(), environ=None, shell='exec "$@"', **ports):
        self.ports = {name: free_port() for name in ("grpc", "http", "metrics", "health")} | ports
        for name, port in self.ports.items():
            config = config.replace(f"{{{name}}}", str(port))
        self.config = Path(directory, f"config-{self.ports['metrics']}.yaml")
        self.config.write_text(config, encoding="utf-8")
        self.stdout = Path(directory, f"stdout-{self.ports['metrics']}")
        self.stderr = Path(directory, f"stderr-{self.ports['metrics']}")
        self._shell = shell
        self._process = self.launch(["--config", str(self.config), *arguments], environ or {})

    def launch(self, arguments, environ):
        command = ["sh", "-c", self._shell, "sh", sys.executable, "-m", "collector", *arguments]
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            return subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **environ})

    @property
    def pid(self):
        return self._process.pid

    @property
    def output(self):
        return self.stdout.read_text()

    @property
    def log(self):
        return self.stderr.read_text()

    def is_running(self):
        return self._process.poll() is None

    def wait_until_ready(self):
        self.wait_for(lambda: "is ready" in self.log)

    def wait_for(self, condition, seconds=READY_WITHIN):
        """
        Ask again and again until something is true of the process.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if not self.is_running() or time.monotonic() > deadline:
                raise AssertionError(f"not so within {seconds} s; exit code {self._process.poll()}; log:\n{self.log}")
            threading.Event().wait(0.02)

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self, seconds=READY_WITHIN):
        """
        Send SIGTERM and return the exit code.
        """
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=READY_WITHIN):
        return self._process.wait(seconds)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def get(self, port, path="/"):
        """
        Return the status and the text of a page.
        """
        try:
            with urllib.request.urlopen(f"http://localhost:{self.ports[port]}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self):
        """
        Return [(name, labels, value)] of the metrics page.
        """
        lines = self.get("metrics", "/metrics")[1].splitlines()
        samples = [_SAMPLE.fullmatch(line) for line in lines if not line.startswith("#")]
        return [(s[1], dict(_LABEL.findall(s[2] or "")), float(s[3])) for s in samples]

    def total(self, name, **labels):
        wanted = labels.items()
        return sum(value for found, have, value in self.metrics() if found == name and wanted <= have.items())

    def imbalance(self, signal):
        """
        Return accepted + created - sent - dropped - held, from one reading of the metrics page; 0 if nothing vanished.
        """
        unit = SHAPES[Signal(signal)].unit
        signs = {
            f"otelcol_receiver_accepted_{unit}": 1,
            f"otelcol_exporter_sent_{unit}": -1,
            "pyotelcol_created_items_total": 1,
            "pyotelcol_dropped_items_total": -1,
            "pyotelcol_held_items": -1,
        }
        return sum(
            signs.get(name, 0) * value
            for name, labels, value in self.metrics()
            if "signal" not in labels or labels["signal"] == str(signal)
        )
