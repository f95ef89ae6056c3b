"""What the filter does with a batch: nothing, wherever that can be told from its bytes."""

from __future__ import annotations

from collector.api import RECORD_SIGNALS, Batch, Counter, Indivisible, ProcessorFactory, Settings, Signal
from collector.ottl.condition import Context
from processors.filter.config import FilterConfig
from processors.filter.cutting import Cut
from processors.filter.rules import Rules

# OpenTelemetry Collector, filter processor, "Internal Telemetry"; a dot is an underscore in Prometheus
_NAME = "otelcol_processor_filter_{}_filtered"
_UNITS = {
    Signal.TRACES: ("spans", "spans"),
    Signal.METRICS: ("datapoints", "metric data points"),
    Signal.LOGS: ("logs", "logs"),
}


class Filter:
    """Passes on what meets no condition."""

    def __init__(self, config: FilterConfig, settings: Settings) -> None:
        self._settings = settings
        self._rules = {signal: Rules(config, settings, signal) for signal in RECORD_SIGNALS}
        self._counters: dict[Signal, Counter] = {}
        asks_metrics = any(rule.context is Context.METRIC for rule in self._rules[Signal.METRICS].rules)
        self.indivisible = Indivisible.RECORD if asks_metrics else Indivisible.ITEM
        """A condition on a metric may ask for all its points: HasAttrOnDatapoint."""

    def process(self, batch: Batch) -> Batch | None:
        """Drop what meets a condition.

        Raises:
            PermanentError: a condition has an error that is not to be ignored.
        """
        asked, content = self._rules[batch.signal], batch.content()
        rules = [rule for rule in asked.rules if rule.may_hold(content)]
        if not rules and not asked.matchers:
            return batch
        left = Cut(batch.signal, rules, asked.matchers).of(batch)
        if left is None:
            return batch
        after = batch.replace(left)
        self._filtered(batch.signal).add(len(batch) - len(after))
        return after if left else None

    def _filtered(self, signal: Signal) -> Counter:
        counter = self._counters.get(signal)
        if counter is None:
            name, items = _UNITS[signal]
            counter = self._settings.telemetry.counter(
                _NAME.format(name), f"Number of {items} dropped by the filter processor."
            )
            self._counters[signal] = counter
        return counter


factory = ProcessorFactory(
    config=FilterConfig,
    build=Filter,
    signals=RECORD_SIGNALS,
    example="""\
trace_conditions:
  - span.attributes["http.route"] == "/health"
  - spanevent.name == "debug"
metric_conditions:
  - IsMatch(metric.name, "^go_")
log_conditions:
  - context: log
    conditions: ["severity_number < SEVERITY_NUMBER_INFO and severity_number > 0"]
""",
)
