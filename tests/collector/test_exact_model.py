import pytest
from pydantic import Field, ValidationError, create_model

from collector.api import ComponentConfig, ComponentID, Duration, Span, span_processor
from collector.config import CollectorConfig
from collector.errors import ConfigError
from collector.registry import Kind, known_types, load_factory
from collector.resolution import resolve
from collector.testing.laws.settings_laws import models


class Inner(ComponentConfig):
    size: int = Field(default=1, ge=0)


class Config(ComponentConfig):
    count: int = 0
    share: float = 0.0
    wait: Duration = 0.0
    flag: bool = False
    optional: int | None = None
    either: int | str = 0
    sizes: list[int] = Field(default=[])
    shares: dict[str, float] = Field(default={})
    one: Inner = Inner()
    many: list[Inner] = Field(default=[])
    named: dict[str, Inner] = Field(default={})
    pair: tuple[int, float] = (0, 0.0)


NUMBERS = [
    lambda value: {"count": value},
    lambda value: {"share": value},
    lambda value: {"wait": value},
    lambda value: {"optional": value},
    lambda value: {"sizes": [1, value]},
    lambda value: {"shares": {"a": value}},
    lambda value: {"one": {"size": value}},
    lambda value: {"many": [{"size": value}]},
    lambda value: {"named": {"a": {"size": value}}},
    lambda value: {"pair": [value, 1]},
]


def message_of(data):
    with pytest.raises(ValidationError) as error:
        Config.model_validate(data)
    return error.value.errors()[0]["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize("place", NUMBERS)
@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false")])
def test_a_boolean_is_no_number_wherever_it_stands(place, value, text):
    assert f"must be a number, not {text}" == message_of(place(value))


@pytest.mark.parametrize("place", [place for place in NUMBERS if place(0) != {"wait": 0}])
def test_a_text_of_digits_is_no_number(place):
    assert "must be a number, not a text: write 5 without quotes" == message_of(place("5"))


@pytest.mark.parametrize("text", ["1_0", "nan", "Infinity"])
def test_nobody_is_told_to_leave_out_the_quotes_where_there_would_be_a_text_still(text):
    assert f"must be a number, not the text {text!r}" == message_of({"share": text})


@pytest.mark.parametrize("value", [0, 1, "true", "yes"])
def test_numbers_and_texts_are_no_booleans(value):
    assert "Input should be a valid boolean" == message_of({"flag": value})


@pytest.mark.parametrize(
    "data",
    [
        {"count": 5},
        {"count": 5.0},
        {"share": 5},
        {"share": 0.5},
        {"wait": "5s"},
        {"wait": 5},
        {"flag": True},
        {"optional": None},
        {"either": "5"},
        {"many": [{"size": 5}]},
        {"pair": [1, 2]},
    ],
)
def test_what_is_right_stays_right(data):
    (name,) = data

    assert name in Config.model_validate(data).model_fields_set


def test_bounds_of_numbers_hold_as_before():
    assert "Input should be greater than or equal to 0" == message_of({"one": {"size": -1}})


def test_the_schema_of_the_settings_is_as_before():
    properties = Config.model_json_schema()["properties"]

    assert ("integer", "number", "boolean") == tuple(properties[name]["type"] for name in ("count", "share", "flag"))


CONFIG = """\
receivers: {otlp: {protocols: {http: }}}
processors:
  batch:
    send_batch_size: %s
exporters: {debug: {sending_queue: {queue_size: 10}}}
service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [debug]}}}
"""


def resolved(value, environ):
    return resolve(CollectorConfig.from_yaml(CONFIG % value, environ=environ))


def test_the_mistake_has_its_place():
    with pytest.raises(ConfigError) as error:
        resolved("true", {})

    place = "config.yaml:4: processors::batch::send_batch_size"
    assert f"{place}: must be a number, not true" == str(error.value)


@pytest.mark.parametrize("written", ["${env:N}", '"${env:N}"', "${env:MISSING:-512}"])
def test_a_substitution_is_a_number_with_quotes_and_without(written):
    components = resolved(written, {"N": "512"})

    assert 512 == components[Kind.PROCESSOR, ComponentID("batch")].config.send_batch_size


def test_a_substitution_that_is_a_boolean_is_no_number():
    with pytest.raises(ConfigError, match="send_batch_size: must be a number, not true"):
        resolved("${env:N}", {"N": "true"})


def test_settings_of_what_the_engine_adds_are_exact_too():
    with pytest.raises(ConfigError, match="debug::sending_queue::queue_size: must be a number, not true"):
        resolve(CollectorConfig.from_yaml(CONFIG.replace("queue_size: 10", "queue_size: true") % 1))


def test_settings_of_the_service_are_exact_too():
    with pytest.raises(ConfigError, match="service::drain_timeout: must be a number, not true"):
        resolve(CollectorConfig.from_yaml(CONFIG.replace("service: {", "service: {drain_timeout: true, ") % 1))


def test_settings_of_a_function_are_exact_too():
    @span_processor
    def some(span: Span, *, one_in: int = 10) -> Span | None:
        return span

    with pytest.raises(ValidationError, match="must be a number, not true"):
        some.config.model_validate({"one_in": True})


@pytest.mark.parametrize("name", ["default", "metadata", "serialization", "keys_schema", "fields", "choices", "type"])
def test_settings_may_have_any_name(name):
    model = create_model("Named", __base__=ComponentConfig, **{name: (int, 0)})

    with pytest.raises(ValidationError, match="must be a number, not true"):
        model.model_validate({name: True})


@pytest.mark.parametrize(("kind", "type_"), [(kind, type_) for kind in Kind for type_ in known_types(kind)])
def test_no_setting_of_any_component_takes_true_for_a_number(kind, type_):
    taken = [
        f"{path}{name}"
        for path, model in models(load_factory(kind, type_).config)
        for name, field in model.model_fields.items()
        if field.annotation in (int, float) and _takes(model, field.alias or name)
    ]

    assert [] == taken


def _takes(model, name):
    try:
        model.model_validate({name: True})
    except ValidationError as error:
        return name not in {mistake["loc"][0] for mistake in error.errors() if mistake["loc"]}
    return True
