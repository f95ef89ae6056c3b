"""Tell SDKs how much to sample: Jaeger's remote sampling, from a file of strategies.

An SDK with a Jaeger remote sampler asks for the strategy of its service, over HTTP at `/sampling?service=NAME` or over
gRPC. The file is Jaeger's own: a `default_strategy`, and `service_strategies` with a `service` each; a strategy has a
`type` (`probabilistic` or `ratelimiting`), a `param`, and may have `operation_strategies`, which are probabilistic. A
service has the default's operations beside its own.

Without a file every service is told `default_sampling_probability`. A changed file is read again after
`reload_interval`; one that cannot be read changes nothing and is logged. Strategies from another server (`source:
remote`) and from a URL are not supported.
"""

from collector.extensions.jaeger_remote_sampling.extension import factory

__all__ = ["factory"]
