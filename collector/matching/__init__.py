"""Which records a processor is about: `include` and `exclude`, with the keys of the OpenTelemetry Collector."""
