"""The exporter prometheus_remote_write, and what Prometheus and VictoriaMetrics answer to PromQL of it."""

import math

import pytest

from collector.batch import Signal
from collector.testing import make_metrics
from tests.integration.collectors import Books, configuration, new_id, new_name, send, settled
from tests.integration.servers import Prometheus, until

pytestmark = pytest.mark.slow

T0 = 1_700_000_000  # the servers of all tests want times that are near each other
RESOURCE = {"service.namespace": "shop", "service.name": "cart", "service.instance.id": "1", "host.name": "a"}
WHO = {"job": "shop/cart", "instance": "1"}
MESSAGES = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]


@pytest.fixture(params=["prometheus", "victoria_metrics"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def started(start):
    """
    Starts a collector that writes to a server.
    """

    def with_server(server, options="", **kwargs):
        exporter = f'prometheus_remote_write: {{endpoint: "{server.url}/api/v1/write", {options}}}'
        return start(configuration(exporter, "metrics"), **kwargs)

    return with_server


@pytest.fixture
def name():
    return new_name()


def at(second, **fields):
    """
    The fields of a point that is some seconds after the first.
    """
    start = {"start_time_unix_nano": (T0 - 60) * 10**9}
    return {"time_unix_nano": (T0 + second) * 10**9, **start, **fields}


def metrics(*described):
    return make_metrics(*described, resource=RESOURCE)


def histogram(bounds, counts, **fields):
    return at(0, explicit_bounds=bounds, bucket_counts=counts, count=sum(counts), **fields)


def without_name(found):
    return [({key: value for key, value in labels.items() if key != "__name__"}, value) for labels, value in found]


@pytest.mark.parametrize("message", MESSAGES)
def test_all_classic_kinds_are_found_by_promql(started, server, name, message):
    """
    Neither server knows the protocol 2.0, so what is sent in that is sent once more in 1.0.
    """
    collector = started(server, f"protobuf_message: {message}")

    send(
        collector,
        metrics(
            {"name": f"{name}.level", "unit": "By", "points": [at(0, value=1.5, attributes={"disk.name": "sda"})]},
            {"name": f"{name}.orders", "kind": "sum", "points": [at(0, value=7)]},
            {"name": f"{name}.open", "kind": "sum", "is_monotonic": False, "points": [at(0, value=-3)]},
            {
                "name": f"{name}.time",
                "kind": "histogram",
                "unit": "s",
                "points": [histogram([0.5, 1], [1, 2, 3], sum=9)],
            },
            {
                "name": f"{name}.size",
                "kind": "summary",
                "points": [at(0, sum=100, count=50, quantile_values=[{"quantile": 0.9, "value": 40}])],
            },
        ),
    )
    books = settled(collector, Signal.METRICS)
    collector.stop()

    def found(promql):
        return without_name(server.query(promql, at=T0 + 1))

    assert Books(accepted=5, sent=5, dropped={}) == books
    assert [({**WHO, "disk_name": "sda"}, 1.5)] == found(f"{name}_level_bytes")
    assert [(WHO, 7.0)] == found(f"{name}_orders_total")
    assert [(WHO, -3.0)] == found(f"{name}_open")
    buckets = {labels["le"]: value for labels, value in found(f"{name}_time_seconds_bucket")}
    assert {"0.5": 1.0, "1": 3.0, "+Inf": 6.0} == buckets
    assert [(WHO, 9.0), (WHO, 6.0)] == found(f"{name}_time_seconds_sum") + found(f"{name}_time_seconds_count")
    assert [(WHO, 0.75)] == found(f"histogram_quantile(1/3, {name}_time_seconds_bucket)")
    assert [({**WHO, "quantile": "0.9"}, 40.0)] == found(f"{name}_size")
    assert [(WHO, 100.0), (WHO, 50.0)] == found(f"{name}_size_sum") + found(f"{name}_size_count")
    assert [({**WHO, "host_name": "a"}, 1.0)] == found('target_info{job="shop/cart"}')


def test_an_exponential_histogram_is_a_native_one(started, prometheus, name):
    collector = started(prometheus)

    # scale 0: (1, 2] has 4 values, (2, 4] has 4
    positive = {"offset": 0, "bucket_counts": [4, 4]}
    point = at(0, scale=0, count=10, sum=21, zero_count=2, positive=positive)
    send(collector, metrics({"name": name, "kind": "exponential_histogram", "points": [point]}))
    books = settled(collector, Signal.METRICS)
    collector.stop()

    def value(promql):
        ((_, found),) = prometheus.query(promql, at=T0 + 1)
        return found

    assert Books(accepted=1, sent=1, dropped={}) == books
    assert (10, 21) == (value(f"histogram_count({name})"), value(f"histogram_sum({name})"))
    assert 0.6 == pytest.approx(value(f"histogram_fraction(0, 2, {name})"))
    assert 2 == pytest.approx(value(f"histogram_quantile(0.6, {name})"))


class WithoutFeatures(Prometheus):
    """
    As it is started by whoever has not read of exemplars and native histograms.
    """

    def command(self):
        return (argument for argument in super().command() if not argument.startswith("--enable-feature"))


def test_a_prometheus_without_native_histograms_gets_everything_else_at_once(started, serve, name):
    server = serve(WithoutFeatures)
    collector = started(server)

    native = at(0, scale=0, count=8, sum=21, positive={"offset": 0, "bucket_counts": [4, 4]})
    points = [at(0, value=1, attributes={"series": str(series)}) for series in range(50)]
    send(
        collector,
        metrics(
            {"name": f"{name}.time", "kind": "exponential_histogram", "points": [native]},
            {"name": name, "points": points},
        ),
    )
    books = settled(collector, Signal.METRICS)
    collector.stop()

    assert Books(accepted=51, sent=50, dropped={"unsupported": 1}) == books
    assert [({}, 50.0)] == server.query(f"count({name})", at=T0 + 1)
    assert "will retry" not in collector.log


def test_an_exemplar_leads_from_a_metric_to_a_trace(started, prometheus, name):
    collector, trace = started(prometheus), new_id()
    time = (T0 - 1) * 10**9
    ids = {"trace_id": bytes.fromhex(trace), "span_id": b"\0\0\0\0\0\0\0\5"}
    exemplars = [{"time_unix_nano": time, "as_double": 0.7, **ids}]

    send(
        collector,
        metrics(
            {"name": f"{name}.orders", "kind": "sum", "points": [at(0, value=7, exemplars=exemplars)]},
            {
                "name": f"{name}.time",
                "kind": "histogram",
                "points": [histogram([0.5, 1], [1, 2, 3], exemplars=exemplars)],
            },
        ),
    )
    settled(collector, Signal.METRICS)
    collector.stop()

    found = prometheus.exemplars(f'{{__name__=~"{name}.*"}}', T0 - 10, T0 + 10)
    labels = {"trace_id": trace, "span_id": "0000000000000005"}
    expected = [{"labels": labels, "value": "0.7", "timestamp": T0 - 1}]
    assert {f"{name}_orders_total": None, f"{name}_time_bucket": "1"} == {
        series["seriesLabels"]["__name__"]: series["seriesLabels"].get("le") for series in found
    }
    assert [expected, expected] == [series["exemplars"] for series in found]


def test_a_point_without_a_value_ends_its_series_at_once(started, server, name):
    collector = started(server)

    send(collector, metrics({"name": name, "points": [at(0, value=4)]}))
    send(collector, metrics({"name": name, "points": [at(30, flags=1)]}))
    settled(collector, Signal.METRICS)
    collector.stop()

    assert [4.0] == [value for _, value in server.query(name, at=T0 + 29)]
    assert [] == server.query(name, at=T0 + 31)


def test_deltas_are_added_up(started, server, name):
    collector = started(server)

    for n in range(3):
        begin = (T0 + 10 * n - 10) * 10**9
        point = at(10 * n, value=5) | {"start_time_unix_nano": begin}
        send(collector, metrics({"name": name, "kind": "sum", "temporality": "delta", "points": [point]}))
    settled(collector, Signal.METRICS)
    collector.stop()

    assert [5.0, 10.0, 15.0] == [server.query(f"{name}_total", at=T0 + n)[0][1] for n in (0, 10, 20)]


def test_samples_of_a_series_stay_in_their_order_whatever_is_under_way(started, prometheus, name):
    """
    Prometheus refuses what is out of order, so if nothing is lost, nothing was.
    """
    collector = started(prometheus, "max_batch_size_bytes: 2000, max_batch_request_parallelism: 8")

    for n in range(40):
        points = [at(n, value=n, attributes={"series": str(series)}) for series in range(50)]
        send(collector, metrics({"name": name, "points": points}))
    books = settled(collector, Signal.METRICS)
    collector.stop()

    assert Books(accepted=2000, sent=2000, dropped={}) == books
    stored = [samples for _, samples in prometheus.samples(name, at=T0 + 100)]
    assert [[(T0 + n, float(n)) for n in range(40)]] * 50 == stored


@pytest.mark.parametrize("message", MESSAGES)
def test_what_is_out_of_order_is_counted_and_takes_nothing_else_with_it(started, prometheus, name, message):
    collector = started(prometheus, f"protobuf_message: {message}")
    send(collector, metrics({"name": name, "points": [at(60, value=1, attributes={"series": "a"})]}))
    settled(collector, Signal.METRICS)

    late = [at(0, value=n, attributes={"series": series}) for n, series in enumerate("abcdefgh")]
    send(collector, metrics({"name": name, "points": late}))
    books = settled(collector, Signal.METRICS)
    collector.stop()

    assert Books(accepted=9, sent=8, dropped={"out_of_order": 1}) == books
    found = {labels["series"]: value for labels, value in prometheus.query(name, at=T0 + 1)}
    assert {series: float(n) for n, series in enumerate("abcdefgh") if series != "a"} == found


def test_another_value_at_the_same_time_is_counted_and_takes_nothing_else_with_it(started, serve, name):
    """
    Two collectors, so that neither can know.  An equal value is no contradiction.
    """
    server = serve(Prometheus)
    for offset in (0, 1):
        collector = started(server)
        values = {"same": 1, "other": 1 + offset, f"new in {offset}": 1}
        points = [at(0, value=value, attributes={"series": series}) for series, value in values.items()]
        send(collector, metrics({"name": name, "points": points}))
        books = settled(collector, Signal.METRICS)
        collector.stop()

    assert Books(accepted=3, sent=2, dropped={"out_of_order": 1}) == books
    found = {labels["series"]: value for labels, value in server.query(name, at=T0 + 1)}
    assert {"same": 1, "other": 1, "new in 0": 1, "new in 1": 1} == found


def test_nothing_is_lost_when_prometheus_is_killed_and_comes_back(started, serve, name):
    server = serve(Prometheus)
    collector = started(server, "retry_on_failure: {initial_interval: 20ms, max_interval: 200ms}, timeout: 5s")

    def write(second):
        points = [at(second, value=second, attributes={"series": str(series)}) for series in range(20)]
        send(collector, metrics({"name": name, "points": points}))

    for second in range(100):
        if second == 30:
            server.kill()
        if second == 70:
            server.start()
        write(second)
    books = settled(collector, Signal.METRICS)
    collector.stop()

    assert "will retry" in collector.log
    assert Books(accepted=2000, sent=2000, dropped={}) == books
    stored = [samples for _, samples in server.samples(name, at=T0 + 200)]
    assert [[(T0 + n, float(n)) for n in range(100)]] * 20 == stored


def test_values_that_are_no_numbers_arrive_as_what_they_are(started, server, name):
    collector = started(server)

    values = {"nan": math.nan, "more": math.inf, "less": -math.inf}
    points = [at(0, value=value, attributes={"is": key}) for key, value in values.items()]
    send(collector, metrics({"name": name, "points": points}))
    books = settled(collector, Signal.METRICS)
    collector.stop()

    assert Books(accepted=3, sent=3, dropped={}) == books
    found = until(lambda: {labels["is"]: str(value) for labels, value in server.query(name, at=T0 + 1)})
    expected = {key: str(value) for key, value in values.items()}
    assert expected == {"nan": "nan"} | found  # VictoriaMetrics shows no series of nothing but NaN
