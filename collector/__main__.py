"""`python -m collector` is `pyotelcol`."""

import signal
import sys


def main() -> int:
    """Run the command line.

    Until the service listens to signals Ctrl-C ends the process, as SIGTERM does, wherever it is: a traceback through
    half-loaded modules tells nobody anything.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from collector.cli import main as run  # noqa: PLC0415  it takes long to load

    return run()


if __name__ == "__main__":
    sys.exit(main())
