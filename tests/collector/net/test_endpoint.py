import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.net.endpoint import Endpoint, Transport


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:4317", Endpoint("localhost", 4317)),
        ("0.0.0.0:0", Endpoint("0.0.0.0", 0)),
        (":4318", Endpoint("", 4318)),
        ("[::1]:4317", Endpoint("::1", 4317)),
        ("[fe80::1%eth0]:1", Endpoint("fe80::1%eth0", 1)),
        ("otel.example.org:65535", Endpoint("otel.example.org", 65535)),
        ("unix:/run/otel.sock", Endpoint(path="/run/otel.sock")),
        ("unix:///run/otel.sock", Endpoint(path="/run/otel.sock")),
        ("unix:otel.sock", Endpoint(path="otel.sock")),
    ],
)
def test_every_form_the_collector_writes_is_read(text, expected):
    assert expected == Endpoint.parse(text)


def test_with_the_unix_transport_the_endpoint_is_a_path():
    assert Endpoint(path="/run/otel.sock") == Endpoint.parse("/run/otel.sock", Transport.UNIX)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "4317",
        "::1:4317",
        "[::1]",
        "host:65536",
        "host:-1",
        "host:http",
        "http://host:1",
        "a b:1",
        "unix:",
    ],
)
def test_anything_else_is_refused_with_what_to_write(text):
    with pytest.raises(ValueError, match=r"write host:port|path of a socket"):
        Endpoint.parse(text)


def test_a_path_that_does_not_fit_into_an_address_is_refused():
    with pytest.raises(ValueError, match="1 to 107 bytes"):
        Endpoint.parse(f"unix:/{'x' * 107}")


@given(st.text(max_size=30) | st.from_regex(r"[a-z.:\[\]]{0,9}:[0-9]{1,6}", fullmatch=True))
def test_any_text_is_an_endpoint_or_a_value_error(text):
    try:
        endpoint = Endpoint.parse(text)
    except ValueError:
        return

    assert endpoint == Endpoint.parse(str(endpoint))


def test_every_address_of_a_host_gets_the_same_port():
    sockets = Endpoint.parse("localhost:0").bind()
    ports = {bound.getsockname()[1] for bound in sockets}
    for bound in sockets:
        bound.close()

    assert 1 == len(ports)
    assert 0 not in ports


def test_a_port_in_use_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use$"):
            Endpoint("127.0.0.1", port).bind()


def test_a_host_that_does_not_exist_is_said_in_one_line():
    with pytest.raises(OSError, match=r"cannot listen on host\.invalid:1: "):
        Endpoint("host.invalid", 1).bind()


def test_a_socket_left_behind_is_replaced(tmp_path):
    endpoint = Endpoint(path=str(tmp_path / "socket"))
    for bound in endpoint.bind():
        bound.close()

    (again,) = endpoint.bind()

    again.close()
    endpoint.release(endpoint.file())
    assert not (tmp_path / "socket").exists()


def test_a_socket_that_somebody_serves_is_not_taken_away(tmp_path):
    endpoint = Endpoint(path=str(tmp_path / "socket"))
    (served,) = endpoint.bind()

    with served, pytest.raises(OSError, match="Address already in use"):
        endpoint.bind()


def test_the_socket_of_who_came_next_stays(tmp_path):
    """
    A process that still finishes its requests no longer listens, so another one may take its place.
    """
    endpoint = Endpoint(path=str(tmp_path / "socket"))
    (former,) = endpoint.bind()
    file = endpoint.file()
    former.close()

    (following,) = endpoint.bind()
    endpoint.release(file)

    with following, socket.socket(socket.AF_UNIX) as client:
        assert 0 == client.connect_ex(endpoint.path)


def test_a_file_that_is_no_socket_stays(tmp_path):
    file = tmp_path / "data"
    file.write_text("precious")

    with pytest.raises(OSError, match="Address already in use"):
        Endpoint(path=str(file)).bind()

    assert "precious" == file.read_text()
