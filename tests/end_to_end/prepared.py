"""Collectors that need not load what all of them load: for tests of what one does, not of how it starts.

A process that has loaded it, and has no threads and no gRPC yet, forks for each: that takes a third of the time that a
new interpreter takes.  From there on each does what `python -m collector` does.
"""

import logging
import multiprocessing
import os
import signal
import subprocess
import sys

from tests.end_to_end.child import Child

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.end_to_end.loaded"])


def _run(arguments, streams, environ):
    for number, path in enumerate(streams, 1):
        with path.open("ab") as stream:
            os.dup2(stream.fileno(), number)
    os.environ.update(environ)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["pyotelcol", *arguments]
    from collector.__main__ import main  # what it loads is there already

    try:
        sys.exit(main())
    finally:
        logging.shutdown()  # Python does when an interpreter ends, which here is that of all collectors


class _Process:
    """
    What a `subprocess.Popen` has that is asked for.
    """

    def __init__(self, arguments, streams, environ):
        self._process = _FORKING.Process(target=_run, args=(arguments, streams, environ), daemon=True)
        self._process.start()
        self.pid = self._process.pid

    def poll(self):
        return self._process.exitcode

    def wait(self, seconds=None):
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("pyotelcol", seconds)
        return self._process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self._process.kill()


class Prepared(Child):
    def launch(self, arguments, environ):
        streams = [self.stdout, self.stderr]
        for path in streams:
            path.touch()  # it is read from now on
        return _Process(arguments, streams, environ)
