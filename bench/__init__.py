"""What the collector costs: items per CPU-second beside a peer, latency and memory.  Run as `python -m bench`."""
