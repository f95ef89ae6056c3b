"""What all collectors load, after what each does before: gRPC's library looks at the environment when it is loaded."""

import importlib
import os

from collector.scheduling import prefer_throughput

prefer_throughput()
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
for _name in ("collector.cli", "collector.receivers.otlp", "grpc.aio", "aiohttp.web", "uvloop"):
    importlib.import_module(_name)
