"""How threads take turns, and how long garbage is searched for: what work costs, not what it does.

A gRPC call passes through several threads, each waking the next. The kernel lets a thread that was woken interrupt the
one that is running, so a busy collector changes threads a dozen times for each request, which costs as much as the
request. `docs/performance.md` has the figures.
"""

from __future__ import annotations

import contextlib
import gc
import os

_NEW_OBJECTS = 10_000
"""Objects that may refer to others, from one search for garbage to the next; nearly all of it goes without a search."""


def prefer_throughput() -> None:
    """Let threads finish what they do before others take over.  Call it before there are any, and before gRPC is used.

    Whoever chose other settings, with chrt(1) or in the environment, keeps them.
    """
    _do_not_interrupt()
    # Without it the thread that waits for calls also reads the sockets, instead of being woken by another that does
    os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener")


def _do_not_interrupt() -> None:
    """sched(7), "SCHED_BATCH": a woken thread waits for its turn; shares of processor time stay the same."""
    if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
        with contextlib.suppress(PermissionError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def collect_less() -> None:
    """Have garbage collections pass over all that there is now, and come less often.  Call it once everything started.

    Without it a full collection, every few seconds under load, walks through every library: thirty milliseconds in
    which nobody is answered.  And what a processor holds for seconds would be walked through before it is let go of:
    with tail sampling, collections after 700 new objects take a fourteenth of all time, after 10,000 a fiftieth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
