"""
What a huge resource may come to: it is in each document of its records.
"""

import pytest

from collector.api import DropReason
from collector.batch import Signal
from collector.testing import make_logs, make_metrics, make_spans
from exporters.elasticsearch.copies import MOST_COPIED, Copies
from exporters.elasticsearch.projections import runs
from tests.exporters.elasticsearch.written import writer

HUGE = {"k": "x" * (1 << 20)}
COUNT = 300


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["otel", "ecs", "none", "raw"])
@pytest.mark.parametrize("make", [make_logs, make_spans])
def test_a_huge_resource_is_not_written_for_each_of_its_records(make, mode):
    written = writer(f"{{mapping: {{mode: {mode}}}}}").write(make(*[{}] * COUNT, resource=HUGE))

    sizes = [len(document.source) for document in written.documents]
    assert sum(sizes) <= MOST_COPIED + 10_000 * COUNT
    assert {DropReason.LIMIT_ITEM: COUNT - len(sizes)} == written.dropped
    assert 0 < len(sizes) < COUNT


def test_the_bound_is_that_of_the_whole_batch():
    copies = Copies(Signal.LOGS, 3 * 1100)
    its = [run for n in range(4) for run in runs(make_logs({}, {}, resource={"k": "x" * 1000, "n": n}))]

    assert [(2, 0), (1, 1), (0, 2), (0, 2)] == [
        (len(run.records), left_out) for run, left_out in map(copies.bounded, its)
    ]


def test_metrics_are_counted_by_their_points():
    points = [{"value": n} for n in range(3)]
    (run,) = runs(make_metrics({"points": points}, {"points": points, "name": "b"}, resource={"k": "x" * 1000}))

    left_out = {most: Copies(Signal.METRICS, most).bounded(run)[1] for most in (1500, 6000, 7000)}
    assert {1500: 6, 6000: 6, 7000: 0} == left_out


def test_each_point_has_the_name_of_its_metric():
    points = [{"value": n, "attributes": {"n": n}} for n in range(COUNT)]
    written = writer().write(make_metrics({"points": points, "name": "n" * (1 << 20)}))

    assert [] == written.documents
    assert {DropReason.LIMIT_ITEM: COUNT} == written.dropped


def test_events_are_documents_too():
    spans = [{"events": [{}] * events} for events in (0, 3, 2)]
    (run,) = runs(make_spans(*spans, resource={"k": "x" * 1000}))
    each = sum(map(len, run.source))

    left_out = {most: Copies(Signal.TRACES, most * each, 1000).bounded(run)[1] for most in (0, 1, 4, 5, 7, 8)}
    assert {0: 3, 1: 2, 4: 2, 5: 1, 7: 1, 8: 0} == left_out


def test_no_records_at_all_are_no_copies():
    (run,) = runs(make_logs({}, resource={"k": "x"}))

    assert 0 == Copies(Signal.LOGS, 0).bounded(run._replace(records=()))[1]


def test_what_small_resources_come_to_is_no_matter():
    (run,) = runs(make_logs(*[{}] * 1000, resource={"service.name": "shop"}))

    assert (run, 0) == Copies(Signal.LOGS).bounded(run)
