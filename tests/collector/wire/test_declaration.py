import pytest

from collector.wire.declaration import declare


def test_messages_are_read_and_written_by_their_numbers():
    messages = declare(
        "test.declaration",
        """
        message Point { int64 x = 1; bytes name = 16; }
        message Line { repeated Point points = 2; double width = 3; }
        """,
    )

    line = messages["Line"](points=[{"x": 1, "name": b"a"}, {"x": 2}], width=0.5)

    assert "12060801820101611202080219000000000000e03f" == line.SerializeToString().hex()
    assert line == messages["Line"].FromString(line.SerializeToString())


@pytest.mark.parametrize("field", ["Nobody x = 1;", "int64 x;", "int64 = 1;", "optional int64 x = 1;"])
def test_what_is_no_field_is_named(field):
    with pytest.raises(ValueError, match="not the declaration of a field"):
        declare("test.broken", f"message Point {{ {field} }}")
