import asyncio
import logging
import sys

import pytest

from collector.batch import Signal
from collector.errors import ConfigError
from collector.telemetry import ACCEPTED, INCOMING, SENT
from collector.testing import FakeClock, make_batch, make_logs, make_metrics, make_spans, run_processor

PLUGIN = """\
from typing import Annotated

from pydantic import Field

from collector.api import log_processor, metric_processor, span_processor


@span_processor
def drop_noise(span, *, routes: list[str] = ["/health"], longest: Annotated[int, Field(ge=1)] = 100):
    if span.get("http.route") in routes:
        return None
    span.name = span.name[:longest]
    return span


@log_processor
def mask(log):
    log.body = "****"
    return log


@metric_processor
def drop_metrics(metric):
    return None


@span_processor
def broken(span):
    {raises}
    return span
"""


@pytest.fixture
def run(tmp_path):
    """
    Runs a processor of the plugin.
    """

    def run_one(yaml, *batches, raises="raise ValueError('no')", **options):
        (tmp_path / "plugin.py").write_text(PLUGIN.format(raises=raises))
        return run_processor(yaml, *batches, base=tmp_path, **options)

    return run_one


SPANS = [{"name": "health", "attributes": {"http.route": "/health"}}, {"name": "buying", "attributes": {"n": 1}}]


def test_what_comes_out_is_returned_with_its_records(run):
    outcome = run("drop_noise: {plugin: ./plugin.py}", make_spans(*SPANS))

    assert [1] == [len(batch) for batch in outcome.batches]
    assert ["buying"] == [span.name for span in outcome.records]


def test_what_is_dropped_is_counted_by_reason_and_the_books_close(run):
    outcome = run("drop_noise: {plugin: ./plugin.py}", make_spans(*SPANS))
    telemetry = outcome.telemetry

    assert {"filtered": 1} == outcome.dropped
    assert (2, 2, 1) == (
        telemetry.total(ACCEPTED[Signal.TRACES]),
        telemetry.total(INCOMING),
        telemetry.total(SENT[Signal.TRACES]),
    )
    assert 0 == telemetry.imbalance(Signal.TRACES)


def test_a_metric_that_is_dropped_counts_its_points(run):
    outcome = run("drop_metrics: {plugin: ./plugin.py}", make_metrics({"points": [{"value": 1}] * 3}, {}))

    assert {"filtered": 4} == outcome.dropped


def test_settings_stand_beside_the_plugin(run):
    outcome = run("drop_noise: {plugin: ./plugin.py, routes: [], longest: 3}", make_spans(*SPANS))

    assert ["hea", "buy"] == [span.name for span in outcome.records]


def test_several_entries_are_a_chain_and_may_share_a_file(run):
    outcome = run(
        "drop_noise/a: {plugin: ./plugin.py, longest: 4}\ndrop_noise/b: {plugin: ./plugin.py, routes: []}",
        make_spans(*SPANS),
    )

    assert ["buyi"] == [span.name for span in outcome.records]


def test_built_in_processors_run_too(run):
    outcome = run("batch: {timeout: 1h}", *[make_batch(items=2)] * 3)

    assert [6] == [len(batch) for batch in outcome.batches]


def test_time_is_a_parameter(run):
    """
    Whatever a clock says, at the end everything comes out.
    """
    assert 2 == len(run("batch: {timeout: 1h}", make_batch(items=2), clock=FakeClock()).records)


def test_batches_of_several_signals_have_a_pipeline_each():
    outcome = run_processor("batch:", make_spans({}), make_logs({}), make_spans({}))

    assert {Signal.TRACES: 2, Signal.LOGS: 1} == {batch.signal: len(batch) for batch in outcome.batches}


def test_no_processors_pass_everything():
    assert 1 == len(run_processor("{}", make_spans({})).records)


def test_the_environment_is_a_parameter(run):
    outcome = run("drop_noise: {plugin: ./plugin.py, longest: '${env:N}'}", make_spans({}), environ={"N": "2"})

    assert ["sp"] == [span.name for span in outcome.records]


def test_a_refusal_is_returned():
    outcome = run_processor("memory_limiter: {limit_mib: 1}", make_batch(items=2))

    assert ([], ["memory"], {}) == (outcome.batches, [r.reason for r in outcome.refused], outcome.dropped)


@pytest.mark.parametrize(
    ("yaml", "mistake"),
    [
        ("drop_noise: {plugin: ./plugin.py, rotues: []}", "rotues: unknown key; did you mean routes?"),
        ("drop_noise:\n  plugin: ./plugin.py\n  routes: x", "routes: must be a list"),
        ("drop_noise: {plugin: ./plugin.py, longest: 0}", "longest: must be greater than or equal to 1"),
        ("drop_noise: {plugin: ./plugin.py, routes: [a, [b]]}", "routes::1: must be a valid string"),
        ("drop_noise: {plugin: 5}", "plugin: must be the path of a Python file"),
        ("drop_noise: {plugin: }", "plugin: must be the path of a Python file"),
        ("drop_noise: {plugin: ./gone.py}", "plugin: {base}/gone.py: No such file or directory"),
        (
            "other: {plugin: ./plugin.py}",
            "plugin: {base}/plugin.py: has several: drop_noise, mask, drop_metrics, broken.",
        ),
        ("nowhere: {}", "unknown type 'nowhere'"),
    ],
)
def test_mistakes_carry_line_and_path_as_for_built_in_processors(run, tmp_path, yaml, mistake):
    line = yaml.count("\n") + 1
    name = yaml.partition(":")[0]
    separator = ": " if mistake.startswith("unknown type") else "::"

    with pytest.raises(ConfigError) as caught:
        run(yaml, make_spans({}))

    expected = mistake.format(base=tmp_path)
    assert f"yaml:{line}: processors::{name}{separator}{expected}" in str(caught.value)


def test_a_plugin_that_does_not_load_says_where_in_the_configuration_and_where_in_the_plugin(tmp_path):
    (tmp_path / "bad.py").write_text("x = 1\nimport nowhere\n")

    with pytest.raises(ConfigError) as caught:
        run_processor("\nbad: {plugin: bad.py}", base=tmp_path)

    assert (
        f"yaml:2: processors::bad::plugin: {tmp_path}/bad.py:2: ModuleNotFoundError: No module named 'nowhere'"
    ) == str(caught.value)


def test_a_processor_of_spans_does_not_support_logs(run):
    with pytest.raises(ConfigError, match="drop_noise does not support logs"):
        run("drop_noise: {plugin: ./plugin.py}", make_logs({}))


def test_a_class_whose_code_breaks_when_it_is_built_is_a_mistake(tmp_path):
    (tmp_path / "bad.py").write_text(
        "import sys\nfrom collector.api import ComponentConfig, ProcessorFactory\n"
        "factory = ProcessorFactory(config=ComponentConfig, build=lambda *_: sys.exit('no licence'))"
    )

    with pytest.raises(ConfigError, match="yaml:1: processors::bad: could not be built: SystemExit: no licence"):
        run_processor("bad: {plugin: bad.py}", base=tmp_path)


@pytest.mark.parametrize(
    "raises",
    [
        "1 / 0",
        "return True",
        "return 'x'",
        "span['x'] = object()",
        "span['x']",
        "import sys; sys.exit()",
        "raise GeneratorExit",
        "raise StopIteration",
        "import asyncio; raise asyncio.CancelledError",
        "raise RecursionError",
        "raise type('Odd', (BaseException,), {})('odd')",
        "x = []; x.append(x); span['x'] = x",
    ],
)
def test_a_bug_costs_its_batch_and_nothing_else(run, raises):
    """
    The batches before and after it come through, and nobody who sent one is told anything.
    """
    healthy = "broken: {plugin: ./plugin.py}"
    guarded = f"if 'bad' in span: {raises}" if ";" not in raises else f"if 'bad' in span:\n        {raises}"
    bad, good = make_spans({}, {"attributes": {"bad": True}}, {}), make_spans({"name": "good"})

    outcome = run(healthy, good, bad, good, raises=guarded)

    assert ["good", "good"] == [span.name for span in outcome.records]
    assert ({"plugin_error": 3}, []) == (outcome.dropped, outcome.refused)
    assert 0 == outcome.telemetry.imbalance(Signal.TRACES)


def test_a_bug_is_logged_with_its_line(run, caplog):
    run("broken: {plugin: ./plugin.py}", make_spans({}))

    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.message.startswith("broken: unexpected error, the batch is dropped")
    assert "plugin.py" in record.exc_text
    assert "ValueError: no" in record.exc_text


def test_an_interrupt_is_no_bug(run):
    with pytest.raises(KeyboardInterrupt):
        run("broken: {plugin: ./plugin.py}", make_spans({}), raises="raise KeyboardInterrupt")


def test_a_function_that_only_fails_to_mask_lets_nothing_through(run):
    """
    What had been changed before the failure is not sent on either.
    """
    outcome = run("mask: {plugin: ./plugin.py}", make_logs({"body": "alice"}), raises="pass")
    assert ["****"] == [log.body for log in outcome.records]

    outcome = run("broken: {plugin: ./plugin.py}", make_spans({"name": "alice"}), raises="span.name = '*'; 1 / 0")
    assert [] == outcome.records


async def test_inside_of_an_event_loop_it_says_that_it_has_one_of_its_own():
    with pytest.raises(RuntimeError, match="has an event loop of its own"):
        run_processor("{}", make_spans({}))


def test_it_leaves_no_event_loop_and_no_plugin_path_behind(run):
    path = list(sys.path)

    run("drop_noise: {plugin: ./plugin.py}", make_spans({}))

    assert path == sys.path
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
