import dataclasses
import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collector.api import ClientAuthenticator, ServerAuthenticator
from collector.errors import ConfigError, UnauthenticatedError
from collector.extensions.bearertokenauth import BearerTokenAuth, BearerTokenAuthConfig
from collector.testing import settings


class _Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


def _build(clock=None, **config):
    given_settings = settings("bearertokenauth")
    if clock:
        given_settings = dataclasses.replace(given_settings, clock=clock)
    return BearerTokenAuth(BearerTokenAuthConfig(**config), given_settings, None)


def _lets_in(auth, value, header="authorization"):
    try:
        auth.authenticate({header: value})
    except UnauthenticatedError:
        return False
    return True


def test_it_serves_receivers_and_exporters():
    auth = _build(token="secret")

    assert isinstance(auth, ServerAuthenticator)
    assert isinstance(auth, ClientAuthenticator)


def test_the_token_comes_in_and_goes_out():
    auth = _build(token="secret")

    auth.authenticate(auth.credentials())

    assert {"authorization": "Bearer secret"} == auth.credentials()


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        "secret",
        "Bearer secre",
        "Bearer secrets",
        "Basic secret",
        "Bearer secret, Bearer secret",
    ],
)
def test_nothing_else_comes_in(value):
    assert not _lets_in(_build(token="secret"), value)


def test_a_missing_header_is_told_from_a_wrong_token():
    with pytest.raises(UnauthenticatedError, match="header authorization is missing"):
        _build(token="secret").authenticate({})


def test_the_scheme_has_no_case_and_the_token_has():
    auth = _build(token="secret")

    assert _lets_in(auth, "bearer secret")
    assert not _lets_in(auth, "Bearer SECRET")


def test_every_one_of_several_tokens_comes_in_and_the_first_goes_out():
    auth = _build(tokens=["one", "two"])

    assert _lets_in(auth, "Bearer one")
    assert _lets_in(auth, "Bearer two")
    assert {"authorization": "Bearer one"} == auth.credentials()


def test_the_header_and_the_scheme_can_be_others():
    auth = _build(token="key", header="X-Api-Key", scheme="")

    assert _lets_in(auth, "key", header="x-api-key")
    assert {"x-api-key": "key"} == auth.credentials()


@given(st.text() | st.binary().map(lambda raw: raw.decode(errors="surrogateescape")))
def test_any_value_is_let_in_or_refused_and_nothing_else_happens(value):
    assert (value.lower().startswith("bearer ") and value[7:].strip() == "sécret") == _lets_in(
        _build(token="sécret"), value
    )


def test_a_token_of_a_mebibyte_is_refused():
    assert not _lets_in(_build(token="secret"), "Bearer " + "x" * (1 << 20))


def test_the_secret_is_in_no_message():
    auth = _build(token="canary")

    with pytest.raises(UnauthenticatedError) as caught:
        auth.authenticate({"authorization": "Bearer other-canary"})

    assert "canary" not in str(caught.value)
    assert "canary" not in repr(BearerTokenAuthConfig(token="canary"))


def test_the_challenge_names_the_scheme():
    with pytest.raises(UnauthenticatedError) as caught:
        _build(token="secret", scheme="Token").authenticate({})

    assert "Token" == caught.value.challenge


@pytest.mark.parametrize(
    "config",
    [{}, {"token": "a", "tokens": ["b"]}, {"token": "a", "filename": "b"}, {"token": ""}, {"tokens": ["a", " "]}],
)
def test_a_configuration_without_a_clear_token_is_refused(config):
    with pytest.raises(ValidationError, match=r"give one of token, tokens and filename|a token is empty"):
        BearerTokenAuthConfig(**config)


@pytest.mark.parametrize(
    "config",
    [
        {"token": "a\nb"},
        {"tokens": ["a", "\x1b[31m"]},
        {"token": "a", "scheme": "Bear er"},
        {"token": "a", "scheme": "B\u00e9arer"},
        {"token": "a", "header": "X Token"},
        {"token": "a", "header": "X-Token:"},
    ],
)
def test_what_no_header_can_hold_is_refused(config):
    with pytest.raises(ValidationError, match=r"that no header can have|that it cannot have in a header"):
        BearerTokenAuthConfig(**config)


@pytest.mark.parametrize("token", [" secret", "secret\n", "\tsecret \r\n"])
def test_white_space_around_a_token_is_none_of_it(token):
    """
    Files in which secrets are mounted often end with a new line.
    """
    auth = _build(token=token)

    assert _lets_in(auth, "Bearer secret")
    assert {"authorization": "Bearer secret"} == auth.credentials()


def test_a_file_has_one_token_a_line_and_empty_lines_are_none(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("one\n\n  two  \n\n")
    auth = _build(filename=file)

    assert _lets_in(auth, "Bearer one")
    assert _lets_in(auth, "Bearer two")
    assert not _lets_in(auth, "Bearer ")


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), ("\n \n", "has no token"), ("a\x00b", "that no header can have"), (b"\xff", "decode")],
)
def test_a_file_that_has_no_token_at_the_start_is_a_mistake_of_the_configuration(tmp_path, content, why):
    file = tmp_path / "tokens"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ConfigError, match=f"tokens: .*{why}"):
        _build(filename=file)


def test_a_changed_file_is_read_again_within_a_second(tmp_path):
    clock, file = _Clock(), tmp_path / "tokens"
    file.write_text("old")
    auth = _build(clock, filename=file)

    _replace(file, "new")
    before = _lets_in(auth, "Bearer old")
    clock.now = 1.0

    assert before
    assert _lets_in(auth, "Bearer new")
    assert not _lets_in(auth, "Bearer old")


@pytest.mark.parametrize("change", [os.unlink, lambda file: _replace(file, "")])
def test_while_a_changed_file_is_no_good_the_former_tokens_stay(tmp_path, caplog, change):
    clock, file = _Clock(), tmp_path / "tokens"
    file.write_text("old")
    auth = _build(clock, filename=file)

    change(file)
    clock.now = 1.0

    with caplog.at_level(logging.ERROR):
        assert _lets_in(auth, "Bearer old")
    assert "the former tokens stay" in caplog.text


def _replace(file, text):
    """As secrets are replaced in a container: another file takes the name."""
    other = file.with_suffix(".new")
    other.write_text(text)
    other.replace(file)
