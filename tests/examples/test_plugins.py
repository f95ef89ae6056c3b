from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from collector.batch import Signal
from collector.errors import ConfigError
from collector.testing import (
    FakeClock,
    laws_of,
    load_plugin,
    make_logs,
    make_span,
    make_spans,
    run_processor,
    settings,
)
from tests.end_to_end.child import Child

PLUGINS = Path(__file__).parents[2] / "examples" / "plugins"
noise = load_plugin(PLUGINS / "drop_noise.py")
quota = load_plugin(PLUGINS / "tenant_quota.py")


@pytest.mark.parametrize("law", laws_of(noise.drop_noise), ids=str)
def test_the_function_obeys_the_laws(law):
    law.check()


@pytest.mark.parametrize("law", laws_of(quota.factory), ids=str)
def test_the_class_obeys_the_laws(law):
    law.check()


class TestDropNoise:
    def test_health_checks_are_dropped(self):
        assert noise.drop_noise(make_span(attributes={"http.route": "/health"})) is None

    def test_other_spans_stay_as_they_are(self):
        span = make_span(attributes={"http.route": "/orders", "db.query.text": "SELECT 1"})
        before = span.wire

        assert before == noise.drop_noise(span).wire

    def test_long_queries_are_cut(self):
        span = noise.drop_noise(make_span(attributes={"db.query.text": "SELECT *"}), longest=6)

        assert "SELECT..." == span["db.query.text"]

    def test_what_is_not_text_is_left_alone(self):
        assert [1, 2] == noise.drop_noise(make_span(attributes={"db.query.text": [1, 2]}), longest=1)["db.query.text"]

    def test_the_routes_come_from_the_configuration(self):
        outcome = run_processor(
            "drop_noise: {plugin: ./drop_noise.py, routes: [/login]}",
            make_spans({"attributes": {"http.route": "/login"}}, {"attributes": {"http.route": "/health"}}),
            base=PLUGINS,
        )

        assert ["/health"] == [span["http.route"] for span in outcome.records]
        assert {"filtered": 1} == outcome.dropped

    def test_a_limit_of_nothing_is_a_mistake(self):
        with pytest.raises(ConfigError, match="yaml:1: processors::drop_noise::longest: must be greater than"):
            run_processor("drop_noise: {plugin: ./drop_noise.py, longest: 0}", base=PLUGINS)


class TestTenantQuota:
    @pytest.fixture
    def clock(self):
        return FakeClock()

    @pytest.fixture
    def process(self, clock):
        """
        How many of some spans of a tenant are left.
        """

        def make(**config):
            processor = quota.TenantQuota(quota.TenantQuotaConfig(**config), settings("tenant_quota", clock))

            def count(tenant, items):
                batch = processor.process(make_spans(*[{}] * items, resource={"tenant.id": tenant}))
                return len(batch) if batch else 0

            return count

        return make

    async def test_what_is_beyond_the_quota_is_dropped(self, process):
        send = process(per_second=3)

        assert [2, 1, 0] == [send("a", items) for items in (2, 2, 2)]

    async def test_tenants_do_not_share_a_quota(self, process):
        send = process(per_second=3)

        assert [3, 3] == [send(tenant, 5) for tenant in "ab"]

    async def test_time_fills_it_again_up_to_the_burst(self, process, clock):
        send = process(per_second=2, burst=5)
        first = send("a", 9)
        await clock.advance(1)
        second = send("a", 9)
        await clock.advance(60)

        assert (5, 2, 5) == (first, second, send("a", 9))

    async def test_who_has_been_silent_for_longest_is_forgotten_first(self, process):
        send = process(per_second=1, tenants=2)
        for tenant in ("a", "b", "a", "c"):
            send(tenant, 1)

        assert (0, 1) == (send("a", 1), send("b", 1))

    def test_logs_count_too_and_the_rest_is_counted(self):
        outcome = run_processor(
            "tenant_quota: {plugin: ./tenant_quota.py, per_second: 2}", make_logs({}, {}, {}), base=PLUGINS
        )

        assert (2, {"filtered": 1}) == (len(outcome.records), outcome.dropped)

    def test_metrics_are_not_supported(self):
        assert Signal.METRICS not in quota.factory.signals

    @pytest.mark.parametrize("config", ["per_second: 0", "per_second: 0.5", "per_second: 2, burst: 0.5", ""])
    def test_a_quota_that_lets_nothing_through_is_a_mistake(self, config):
        with pytest.raises(ConfigError, match=r"per_second|burst must be at least 1"):
            run_processor(f"tenant_quota: {{plugin: ./tenant_quota.py, {config}}}", base=PLUGINS)

    def test_less_than_one_per_second_needs_a_burst(self):
        assert 0.5 == quota.TenantQuotaConfig(per_second=0.5, burst=1).per_second


@pytest.mark.slow
def test_the_configuration_runs_as_it_is_with_a_real_sdk(tmp_path):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    text = (PLUGINS / "config.yaml").read_text().replace("./", f"{PLUGINS}/")
    text = text.replace("grpc:\n", "grpc: {endpoint: 'localhost:{grpc}'}\n")
    text = text.replace("http:\n", "http: {endpoint: 'localhost:{http}'}\n")
    text += "  telemetry: {metrics: {address: 'localhost:{metrics}'}}\n"
    child = Child(text, tmp_path)
    try:
        child.wait_until_ready()
        provider = TracerProvider(resource=Resource({"service.name": "shop", "tenant.id": "a"}))
        exporter = OTLPSpanExporter(endpoint=f"http://localhost:{child.ports['http']}/v1/traces")
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for route in ("/health", "/orders", "/metrics"):
            provider.get_tracer("test").start_span("GET", attributes={"http.route": route}).end()
        provider.shutdown()
        dropped = child.total("pyotelcol_dropped_items_total", component="drop_noise", reason="filtered")
        code = child.stop()
    finally:
        child.kill()

    assert (2, 0) == (dropped, code)
    assert "/orders" in child.output
    assert "/health" not in child.output
