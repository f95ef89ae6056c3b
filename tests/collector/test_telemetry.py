from collector.batch import Signal
from collector.errors import DropReason
from collector.telemetry import ACCEPTED, RSS, SENT, Telemetry, exposition


def test_the_books_close_when_everything_is_named():
    telemetry = Telemetry()
    telemetry.point(ACCEPTED[Signal.LOGS], receiver="otlp", transport="grpc", signal="logs").add(5)
    telemetry.point(SENT[Signal.LOGS], exporter="debug", signal="logs").add(2)
    telemetry.component("filter").dropped(Signal.LOGS, DropReason.FILTERED, 2)
    telemetry.component("batch").held(Signal.LOGS, 1)

    assert 0 == telemetry.imbalance(Signal.LOGS)


def test_names_in_the_text_are_the_collectors_own():
    telemetry = Telemetry()
    telemetry.point(ACCEPTED[Signal.TRACES], receiver='o"tlp', transport="http").add(3)

    assert 'otelcol_receiver_accepted_spans{receiver="o\\"tlp",transport="http"} 3\n' in exposition(telemetry)


def test_a_total_reads_nothing_but_what_it_is_of():
    telemetry = Telemetry()
    telemetry.read(RSS, lambda: 1 / 0)
    telemetry.point(ACCEPTED[Signal.TRACES], receiver="otlp", transport="http").add(3)

    assert 3 == telemetry.total(ACCEPTED[Signal.TRACES])


def test_a_component_has_counters_and_gauges_of_its_own() -> None:
    telemetry = Telemetry()
    accounts = telemetry.component("tail_sampling")
    accounts.counter("decisions_total", "Number of decisions.", policy="errors").add(2)
    accounts.gauge("traces", "Traces here.", lambda: 3)
    text = exposition(telemetry)
    assert 'decisions_total{component="tail_sampling",policy="errors"} 2' in text
    assert '# TYPE traces gauge\ntraces{component="tail_sampling"} 3' in text
