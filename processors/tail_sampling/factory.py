"""Builds the processor from what a user wrote."""

from __future__ import annotations

from collector.api import BufferingProcessorFactory, Consumer, Settings, Signal
from processors.tail_sampling.common import Common
from processors.tail_sampling.config import TailSamplingConfig
from processors.tail_sampling.evaluation import Evaluator
from processors.tail_sampling.instance import Instance
from processors.tail_sampling.measures import PolicyErrors, PolicyTimes
from processors.tail_sampling.policies.build import build_policies
from processors.tail_sampling.processor import TailSampling
from processors.tail_sampling.ring import Ring


def build(config: TailSamplingConfig, settings: Settings, next: Consumer) -> Instance:
    """Connect policies, the memory of decisions, and the mechanics."""
    evaluator = Evaluator(
        build_policies(config.policies),
        sample_on_first_match=config.sample_on_first_match,
        on_error=PolicyErrors(settings),
        on_answer=PolicyTimes(settings),
    )
    common = Common.of(settings.common)
    ring = Ring(config.decisions, evaluator.policies)
    return Instance(config, settings, next, common, TailSampling(config, settings, next, evaluator, ring, common))


factory = BufferingProcessorFactory(
    config=TailSamplingConfig,
    build=build,
    signals=frozenset({Signal.TRACES, Signal.LOGS}),
    example="""\
decision_wait: 10s
policies:
  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
  - {name: slow, type: latency, latency: {threshold_ms: 500}}
  - {name: the-rest, type: probabilistic, probabilistic: {sampling_percentage: 10}}
""",
)
