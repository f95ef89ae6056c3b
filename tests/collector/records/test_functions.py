import asyncio
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from collector.api import LogRecord, Metric, Span, log_processor, metric_processor, span_processor
from collector.batch import Signal
from collector.config_types import Duration
from collector.records.mapping import records_of
from collector.testing import make_batch, make_span, make_spans

ROUTES = ["/health"]


@span_processor
def drop_noise(span: Span, *, routes: list[str] = ROUTES, limit: Annotated[int, Field(ge=1)] = 5) -> Span | None:
    """
    Drop what nobody looks at.
    """
    if span.get("http.route") in routes:
        return None
    span.name = span.name[:limit]
    return span


def processor(function, **settings):
    return function.processor(function.config(**settings))


def test_a_decorated_function_can_still_be_called():
    assert drop_noise(make_span(attributes={"http.route": "/health"})) is None
    assert "spa" == drop_noise(make_span(), limit=3).name


def test_it_keeps_its_name_and_its_documentation():
    assert ("drop_noise", __name__) == (drop_noise.__name__, drop_noise.__module__)
    assert "Drop what nobody looks at." == drop_noise.__doc__.strip()


@pytest.mark.parametrize(
    ("decorate", "signal"),
    [(span_processor, Signal.TRACES), (log_processor, Signal.LOGS), (metric_processor, Signal.METRICS)],
)
def test_each_decorator_is_for_one_signal(decorate, signal):
    @decorate
    def look(record):
        seen.append(type(record))
        return record

    seen = []
    processor(look).process(make_batch(signal))

    assert signal is look.signal
    assert [{Signal.TRACES: Span, Signal.LOGS: LogRecord, Signal.METRICS: Metric}[signal]] == seen


def test_what_stands_behind_the_star_are_settings_with_their_defaults():
    batch = make_spans({"attributes": {"http.route": "/health"}}, {"attributes": {"http.route": "/ready"}})

    by_default = processor(drop_noise).process(batch.copy())
    configured = processor(drop_noise, routes=["/ready"]).process(batch.copy())

    assert (["/ready"], ["/health"]) == tuple(
        [r["http.route"] for r in records_of(b)] for b in (by_default, configured)
    )


@pytest.mark.parametrize("wrong", [{"routes": "x"}, {"limit": 0}, {"limit": "many"}, {"tpyo": 1}])
def test_settings_are_checked_by_their_annotations(wrong):
    with pytest.raises(ValidationError):
        drop_noise.config(**wrong)


def test_a_setting_without_default_is_required():
    @span_processor
    def tag(span, *, team: str):
        span["team"] = team
        return span

    with pytest.raises(ValidationError, match="team"):
        tag.config()


def test_defaults_are_read_as_settings_are():
    @span_processor
    def slow_only(span, *, atleast: Duration = "200ms"):
        return span if span.duration >= atleast else None

    (left,) = records_of(processor(slow_only).process(make_spans({"duration": 0.1}, {"duration": 0.3})))

    assert 0.3 == left.duration


def test_two_processors_of_one_function_share_no_list():
    @span_processor
    def remember(span, *, seen: list[str] = []):  # noqa: B006
        seen.append(span.name)
        span["seen"] = len(seen)
        return span

    first, second = processor(remember), processor(remember)
    first.process(make_batch(items=2))

    assert [1] == [span["seen"] for span in records_of(second.process(make_batch()))]


def test_a_setting_may_be_called_like_a_method_of_the_model():
    @span_processor
    def tag(span, *, json: bool = True, copy: str = "x"):
        span["tag"] = f"{json} {copy}"
        return span

    (span,) = records_of(processor(tag, copy="y").process(make_batch()))

    assert "True y" == span["tag"]


def test_a_setting_may_have_settings_of_its_own():
    class Limits(BaseModel):
        longest: int = 3

    @span_processor
    def shorten(span, *, limits: Limits = Limits()):  # noqa: B008
        span.name = span.name[: limits.longest]
        return span

    (span,) = records_of(processor(shorten, limits={"longest": 2}).process(make_batch()))

    assert "sp" == span.name


def test_an_annotation_that_exists_only_for_the_type_checker_is_no_obstacle():
    scope = {"span_processor": span_processor}
    text = "from __future__ import annotations\n@span_processor\ndef f(span: Nowhere, *, n: int = 1): return span"

    exec(compile(text, "plugin", "exec"), scope)

    assert {"n"} == set(scope["f"].config.model_fields)


def test_anything_that_can_be_called_can_be_a_processor():
    class Tag:
        def __call__(self, span, *, value: str = "x"):
            span["tag"] = value
            return span

    (span,) = records_of(processor(span_processor(Tag()), value="y").process(make_batch()))

    assert "y" == span["tag"]


def badly_preset(span, *, limit: Annotated[int, Field(ge=1)] = 0):
    return span


def nothing():
    return None


def two(span, other):
    return span


def anything(span, **settings):
    return span


def all_of_them(*spans):
    return spans


def untyped(span, *, limit=3):
    return span


def reserved(span, *, plugin: str = ""):
    return span


def private(span, *, _limit: int = 3):
    return span


async def waiting(span):
    await asyncio.sleep(1)
    return span


def yielding(span):
    yield span


def forgetful(span):
    span["x"] = 1


def forgetful_too(span):
    if span.get("x"):
        return
    span["x"] = 1


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (nothing, r"nothing\(\) has to take a record"),
        (all_of_them, r"all_of_them\(\) has to take a record"),
        (two, r"settings behind a \*; other stands before it"),
        (anything, r"settings behind a \*; settings stands before it"),
        (untyped, "has to say what type its setting limit is of"),
        (badly_preset, "a setting limit whose own default must be greater than or equal to 1"),
        (reserved, "cannot have a setting called plugin"),
        (private, "cannot have a setting called _limit"),
        (waiting, "neither async nor a generator"),
        (yielding, "neither async nor a generator"),
        (forgetful, "never returns its record: return it to keep it, or None to drop it"),
        (forgetful_too, "never returns its record"),
    ],
)
def test_a_function_that_cannot_work_is_refused_when_it_is_defined(function, error):
    with pytest.raises(TypeError, match=error):
        span_processor(function)


def test_dropping_everything_is_allowed_if_it_is_said():
    @span_processor
    def drop_all(span):
        return None

    assert processor(drop_all).process(make_batch()) is None
