"""A small shop that is watched: traces, metrics and logs of a few orders, sent with the OpenTelemetry SDK.

Its spans and logs hold personal data on purpose: the collector is the place to mask it.
"""

import argparse
import logging
import random
import socket
import sys
import time
import uuid

from opentelemetry import metrics, trace
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

CUSTOMERS = ["ada@example.com", "grace@example.com", "linus@example.com"]
GOODS = {"tea": 4.5, "coffee": 7.0, "cup": 11.0}


def exporters(protocol, endpoint):
    """Return the span, metric and log exporter of one protocol."""
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return [
            kind(endpoint=endpoint, insecure=True) for kind in (OTLPSpanExporter, OTLPMetricExporter, OTLPLogExporter)
        ]
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    base = f"http://{endpoint}/v1"
    return [
        OTLPSpanExporter(endpoint=f"{base}/traces"),
        OTLPMetricExporter(endpoint=f"{base}/metrics"),
        OTLPLogExporter(endpoint=f"{base}/logs"),
    ]


class Shop:
    """Takes orders and tells OpenTelemetry about them."""

    def __init__(self, protocol, endpoint):
        spans, points, logs = exporters(protocol, endpoint)
        resource = Resource.create(
            # the instance keeps the counters of two runs apart, in a database of time series
            {"service.name": "shop", "service.version": "1.0.0", "service.instance.id": str(uuid.uuid4())}
        )
        self.traces = TracerProvider(resource=resource)
        self.traces.add_span_processor(BatchSpanProcessor(spans))
        self.metrics = MeterProvider([PeriodicExportingMetricReader(points)], resource=resource)
        self.logs = LoggerProvider(resource=resource)
        self.logs.add_log_record_processor(BatchLogRecordProcessor(logs))
        trace.set_tracer_provider(self.traces)
        metrics.set_meter_provider(self.metrics)
        self.logger = logging.getLogger("shop")
        self.logger.setLevel(logging.INFO)
        self.logger.addHandler(LoggingHandler(logger_provider=self.logs))
        meter = metrics.get_meter("shop")
        self.orders = meter.create_counter("shop.orders", description="Orders taken")
        self.revenue = meter.create_histogram("shop.order.value", unit="EUR")
        self.tracer = trace.get_tracer("shop")

    def order(self, number):
        """Take one order, and return the id of its trace."""
        customer, item = random.choice(CUSTOMERS), random.choice(list(GOODS))
        attributes = {"http.route": "/orders", "user.email": customer, "shop.item": item, "shop.order": number}
        with self.tracer.start_as_current_span("POST /orders", kind=SpanKind.SERVER, attributes=attributes) as span:
            self.logger.info("Order %s for %s", number, customer)
            with self.tracer.start_as_current_span("charge card", kind=SpanKind.CLIENT) as charge:
                charge.set_attribute("payment.card", "4111 1111 1111 1111")
                failed = random.random() < 0.1
            if failed:
                span.set_status(Status(StatusCode.ERROR, "card refused"))
                self.logger.error("Card 4111 1111 1111 1111 of %s was refused", customer)
            self.orders.add(1, {"item": item, "failed": failed})
            self.revenue.record(GOODS[item], {"item": item})
        return trace.format_trace_id(span.get_span_context().trace_id)

    def health_check(self):
        with self.tracer.start_as_current_span(
            "GET /health", kind=SpanKind.SERVER, attributes={"http.route": "/health"}
        ):
            pass

    def close(self):
        for provider in (self.traces, self.metrics, self.logs):
            provider.shutdown()


def check_that_somebody_listens(endpoint):
    """Say so before the SDK tries for a quarter of a minute, and then goes on as if all had been sent."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        sys.exit(f"nobody listens on {endpoint} ({error}): start the collector first, with make run")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=["grpc", "http"], default="grpc")
    parser.add_argument("--endpoint", help="default localhost:4317 (grpc) or localhost:4318 (http)")
    parser.add_argument("--orders", type=int, default=10)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between orders")
    options = parser.parse_args()
    endpoint = options.endpoint or ("localhost:4317" if options.protocol == "grpc" else "localhost:4318")
    check_that_somebody_listens(endpoint)
    shop = Shop(options.protocol, endpoint)
    trace_id = None
    for _ in range(options.orders):
        trace_id = shop.order(uuid.uuid4().hex[:8])
        shop.health_check()
        time.sleep(options.pause)
    shop.close()
    print(f"{options.orders} orders: {3 * options.orders} spans sent over {options.protocol}")
    print(f"the last order's trace is {trace_id}")


if __name__ == "__main__":
    main()
