"""A component that dies, ends the process, hangs, or leaves threads behind: what others hold arrives, and it ends."""

import signal
import threading
import time

import grpc
import pytest

from collector.batch import SHAPES, Signal
from collector.testing import make_batch
from tests.end_to_end.backend import Backend
from tests.end_to_end.child import Child

pytestmark = pytest.mark.slow

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:{grpc}"}}}
  odd: {plugin: odd.py}
processors: {batch: {timeout: 1h}}
exporters: {otlp_grpc: {endpoint: "localhost:{backend}", tls: {insecure: true}}}
service:
  drain_timeout: 10s
  telemetry: {metrics: {address: "localhost:{metrics}"}}
  pipelines:
    traces: {receivers: [otlp, odd], processors: [batch], exporters: [otlp_grpc]}
"""
PLUGIN = """
import asyncio
import os
import sys
import threading
import time
from contextlib import asynccontextmanager

from collector.api import ComponentConfig, ReceiverFactory

event = asyncio.Event()

class Odd:
    def __init__(self, config, settings, next):
        pass

    @asynccontextmanager
    async def lifespan(self):
        %(start)s
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.live())
            yield
            %(end)s

    async def live(self):
        while %(lives)s and not os.path.exists(__file__ + ".now"):
            await asyncio.sleep(0.01)
        %(death)s

factory = ReceiverFactory(config=ComponentConfig, build=Odd)
"""


@pytest.fixture
def backend():
    with Backend().serve() as running:
        yield running


@pytest.fixture
def odd(tmp_path):
    """
    Writes the plugin; `now()` has it do what it does while it lives.
    """

    class Odd:
        def write(self, start="pass", end="pass", lives=False, death="pass"):
            pieces = {"start": start, "end": end, "lives": lives, "death": death}
            (tmp_path / "odd.py").write_text(PLUGIN % pieces)

        def now(self):
            (tmp_path / "odd.py.now").touch()

    return Odd()


def send(collector, items, timeout=10):
    batch = make_batch(items=items)
    with grpc.insecure_channel(f"localhost:{collector.ports['grpc']}") as channel:
        return channel.unary_unary(SHAPES[batch.signal].rpc)(batch.wire, timeout=timeout)


def test_a_component_that_dies_ends_the_collector_and_what_others_hold_arrives(start, backend, odd):
    odd.write(lives=True, death="raise ValueError('a bug')")
    collector = start(CONFIG, backend=backend.port)
    send(collector, items=7)

    odd.now()

    assert (1, 7) == (collector.wait(), backend.items(Signal.TRACES))
    assert "odd died" in collector.log
    assert "ValueError: a bug" in collector.log
    assert "7 accepted, 7 sent, 0 dropped, 0 held" in collector.log


def test_a_task_that_calls_sys_exit_dies_as_any_other(start, backend, odd):
    odd.write(lives=True, death="sys.exit(0)")
    collector = start(CONFIG, backend=backend.port)
    send(collector, items=7)

    odd.now()

    assert (1, 7) == (collector.wait(), backend.items(Signal.TRACES))
    assert "a task called sys.exit(0), which ends nothing but its component" in collector.log
    assert "odd died" in collector.log


@pytest.mark.parametrize("place", ["start", "end"])
def test_a_bug_at_the_start_or_the_end_is_told_with_its_component(tmp_path, backend, odd, place):
    odd.write(**{place: "raise ValueError('a bug')"})
    collector = Child(CONFIG, tmp_path, backend=backend.port)
    if place == "end":
        collector.wait_until_ready()
        send(collector, items=7)
        collector.signal(signal.SIGTERM)

    assert 1 == collector.wait()
    assert "odd" in collector.log
    assert "ValueError: a bug" in collector.log
    assert (7 if place == "end" else 0) == backend.items(Signal.TRACES)


def test_sigterm_is_obeyed_while_a_component_starts(tmp_path, backend, odd):
    odd.write(start="open(__file__ + '.starts', 'w').close(); await event.wait()")
    collector = Child(CONFIG, tmp_path, backend=backend.port)
    collector.wait_for((tmp_path / "odd.py.starts").exists)

    assert 0 == collector.stop()
    assert "stopped: nothing was accepted" in collector.log
    assert "Traceback" not in collector.log


def test_a_component_that_hangs_at_the_end_is_left_behind_at_the_deadline(start, backend, odd):
    odd.write(end="await event.wait()")
    collector = start(CONFIG.replace("10s", "500ms"), backend=backend.port)

    assert 0 == collector.stop()
    assert "stopped before every component had, with nothing lost" in collector.log
    assert "Traceback" not in collector.log


@pytest.mark.parametrize(
    "start_",
    [
        "threading.Thread(target=time.sleep, args=(3600,)).start()",
        "asyncio.create_task(asyncio.to_thread(time.sleep, 3600))",
    ],
    ids=["thread", "executor"],
)
def test_threads_that_never_end_do_not_keep_the_process(start, backend, odd, start_):
    odd.write(start=f"import collector.process; collector.process.PATIENCE = 0.5; {start_}")
    collector = start(CONFIG, backend=backend.port)
    send(collector, items=7)
    before = time.monotonic()

    assert (0, 7) == (collector.stop(), backend.items(Signal.TRACES))
    assert time.monotonic() - before < 10
    assert "threads that do not end are left behind" in collector.log


def test_a_terminal_that_is_closed_drains_too(start, backend, odd):
    odd.write()
    collector = start(CONFIG, backend=backend.port)
    send(collector, items=7)

    collector.signal(signal.SIGHUP)

    assert (0, 7) == (collector.wait(), backend.items(Signal.TRACES))


def test_a_plugin_that_blocks_is_named_and_the_third_signal_ends_it_nevertheless(start, backend, tmp_path):
    (tmp_path / "odd.py").write_text(
        "import time\nfrom collector.api import span_processor\nfrom collector.watchdog import Watchdog\n\n"
        "Watchdog.__init__.__kwdefaults__['interval'] = 0.1\n\n@span_processor\n"
        "def odd(span):\n    time.sleep(3600)\n    return span\n"
    )
    config = CONFIG.replace("  odd: {plugin: odd.py}\n", "").replace("[otlp, odd]", "[otlp]")
    config = config.replace("{batch: {timeout: 1h}}", "{odd: {plugin: odd.py}}").replace("[batch]", "[odd]")
    collector = start(config, backend=backend.port)

    with pytest.raises(grpc.RpcError):
        send(collector, items=1, timeout=0.5)
    collector.wait_for(lambda: "held up for 0.5 s already" in collector.log)
    for _ in range(3):
        collector.signal(signal.SIGTERM)
        threading.Event().wait(0.1)  # the system joins signals that are not yet delivered

    assert -signal.SIGTERM == collector.wait()
    assert "in odd.py:9 (odd), " in collector.log
