"""How long something takes, as little as can be said of it on a machine that does other things too."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

_TIMES = 3


def cpu_seconds(prepare: Callable[[], Callable[[], object]], enough: float = 0.0) -> float:
    """
    Return the least of three times, without searches for garbage among all that other tests have made.

    `prepare` is called before each time, and what it returns is measured.  Once it took less than `enough`, that is
    returned: whoever asks only whether the least is below it need not know by how much.
    """
    used = []
    gc.disable()
    try:
        for _ in range(_TIMES):
            work = prepare()
            started = time.process_time()
            work()
            used.append(time.process_time() - started)
            if used[-1] < enough:
                break
    finally:
        gc.enable()
    return min(used)
