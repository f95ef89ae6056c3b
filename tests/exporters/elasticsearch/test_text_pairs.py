import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from exporters.elasticsearch.text_pairs import text_pair
from tests.exporters.elasticsearch.telemetry import keys, values


@given(key=st.one_of(keys, st.text(max_size=200)), value=st.one_of(values, st.text(max_size=200)))
def test_what_is_read_by_its_bytes_is_what_a_parser_reads(key, value):
    value = AnyValue(string_value=value) if isinstance(value, str) else value
    pair = KeyValue(key=key, value=value).SerializeToString()

    found = text_pair(pair)

    if found:
        assert (key, value) == (found[0].decode(), AnyValue(string_value=found[1].decode()))
    elif key and value.string_value:
        assert len(key.encode()) > 125 or len(value.string_value.encode()) > 123


@given(st.binary(max_size=12))
def test_any_bytes_are_read_as_a_parser_reads_them_or_not_at_all(wire):
    if found := text_pair(wire):
        key, text = found
        assert wire == b"\x0a%c%b\x12%c\x0a%c%b" % (len(key), key, len(text) + 2, len(text), text)


@pytest.mark.parametrize(
    "wire", [b"\x0a\x01a\x12\x03\x0a\x01b\x0a\x01c", b"\x12\x03\x0a\x01b\x0a\x01a", b"\x0a\x01a\x12\x03\x32\x01b"]
)
def test_what_is_written_in_another_way_is_left_to_a_parser(wire):
    assert text_pair(wire) is None
