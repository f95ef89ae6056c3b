"""
What a condition finds around a record, such as in its resource, is found once for all records there.
"""

import pytest

from collector.ottl.condition import ConditionError, Context, EventOf, PointOf, parse_condition
from collector.records.views import Resource, Span
from collector.testing.otlp import make_metric, make_span


class Counted(Resource):
    """
    Counts how often somebody looks into it.
    """

    __slots__ = ("looks",)

    def __init__(self, raw):
        super().__init__(raw)
        self.looks = 0

    @property
    def message(self):
        self.looks += 1
        return super().message

    def get(self, key, default=None):
        self.looks += 1
        return super().get(key, default)


def looks_of(text, records):
    condition = parse_condition(text, Context.SPAN)
    resource = Counted(make_span(resource={"a": "x" * 1000, "list": [1]}).resource.message.SerializeToString())
    for _ in range(records):
        span = make_span()
        span.resource = resource
        condition(span)
    return resource.looks


@pytest.mark.parametrize(
    "text",
    [
        'resource.attributes["a"] == "b"',
        'resource.attributes["list"][0] == 2',
        'IsMatch(resource.attributes["a"], "b$")',
        'Len(resource.attributes["a"]) + 1 == 3 or name == "z"',
        "resource.dropped_attributes_count == 7",
        'Len(resource.attributes) == 9 and name == "z"',
        'ToUpperCase(resource.attributes["a"]) == name',
    ],
)
def test_a_resource_is_looked_into_once_for_all_its_spans(text):
    assert looks_of(text, 1) == looks_of(text, 50)


@pytest.mark.parametrize("text", ['resource.attributes["a"] == 1', 'IsInt(resource.attributes["a"]) and kind == 2'])
def test_another_resource_has_its_own_answer(text):
    condition = parse_condition(text, Context.SPAN)
    spans = [make_span(kind="server", resource={"a": value}) for value in (1, "x", 1)]

    assert [True, False, True] == [condition(span) for span in spans]


def test_what_depends_on_the_record_too_is_asked_of_each():
    condition = parse_condition('resource.attributes["a"] == name', Context.SPAN)
    spans = [make_span(name=name) for name in "aba"]
    for span in spans:
        span.resource = spans[0].resource
    spans[0].resource["a"] = "a"

    assert [True, False, True] == [condition(span) for span in spans]


def test_an_event_and_its_span_and_resource_are_told_apart():
    condition = parse_condition(
        'span.attributes["k"] == "s" and resource.attributes["k"] == "r" and attributes["k"] == "e"', Context.SPANEVENT
    )
    events = [{"name": "a", "attributes": {"k": key}} for key in "es"]
    span = make_span(attributes={"k": "s"}, resource={"k": "r"}, events=events)

    assert [True, False] == [condition(EventOf(event, span)) for event in span.events]


def test_an_error_about_a_resource_is_one_for_every_span():
    condition = parse_condition('HasPrefix(resource.attributes["n"], "a")', Context.SPAN)
    span = make_span(resource={"n": 1})

    for _ in range(2):
        with pytest.raises(ValueError, match="a string is needed"):
            condition(span)


@pytest.mark.parametrize("call", ['HasAttrKeyOnDatapoint("k")', 'HasAttrOnDatapoint("k", "v")'])
def test_all_points_of_a_metric_cannot_be_asked_about_each_of_them(call):
    with pytest.raises(ConditionError, match="is of metric, not of datapoint"):
        parse_condition(call, Context.DATAPOINT)


def test_points_know_their_metric():
    condition = parse_condition('metric.name == "m" and value_int == 2', Context.DATAPOINT)
    metric = make_metric(name="m", points=[{"value": 1}, {"value": 2}])

    assert [False, True] == [condition(PointOf(point, metric)) for point in metric.points]


def test_all_attributes_of_a_record_are_those_of_the_record_that_is_asked_about():
    condition = parse_condition('Len(attributes) == 1 and attributes == attributes["self"]', Context.SPAN)
    one, other = make_span(attributes={"self": 1}), make_span(attributes={"a": 1, "b": 2})

    assert [False, False, False] == [condition(each) for each in (one, other, one)]


def test_all_attributes_of_a_record_are_read_once_for_a_thousand_conditions():
    read = []

    class Counting(Span):
        def items(self):
            read.append(self)
            return super().items()

    spans = [Counting(make_span(attributes={"a": 1, "b": 2}).wire) for _ in range(2)]
    conditions = [parse_condition(f"Len(attributes) == {count}", Context.SPAN) for count in range(1000)]

    assert [1, 1] == [sum(condition(span) for condition in conditions) for span in spans]
    assert spans == read
