from dataclasses import replace

import pytest
from pydantic import ValidationError

from collector.api import ComponentID
from collector.errors import ConfigError
from collector.net.authentication import AuthConfig, client_authenticator, headers_of, server_authenticator
from collector.testing import settings


class Gate:
    def authenticate(self, headers):
        pass


class Card:
    def credentials(self):
        return {}


GATE, CARD = Gate(), Card()


def running(**extensions):
    return replace(settings("otlp"), extensions={ComponentID.parse(id_): each for id_, each in extensions.items()})


def test_the_extension_that_is_named_is_found():
    given = running(gate=GATE, card=CARD)

    assert server_authenticator(AuthConfig(authenticator="gate"), given, "here") is GATE
    assert client_authenticator(AuthConfig(authenticator="card"), given, "here") is CARD


def test_without_a_name_nobody_is_asked():
    assert server_authenticator(None, running(), "here") is None


@pytest.mark.parametrize(
    ("look_up", "name", "why"),
    [
        (server_authenticator, "other", "here::auth::authenticator: other is not one of service::extensions"),
        (server_authenticator, "gate/two", "here::auth::authenticator: gate/two is not one of service::extensions"),
        (server_authenticator, "card", "here::auth::authenticator: card cannot check requests"),
        (client_authenticator, "gate", "here::auth::authenticator: gate cannot give credentials"),
    ],
)
def test_an_extension_that_cannot_be_used_is_a_mistake_of_the_configuration(look_up, name, why):
    with pytest.raises(ConfigError, match=f"^{why}$"):
        look_up(AuthConfig(authenticator=name), running(gate=GATE, card=CARD), "here")


def test_a_name_that_is_no_id_is_refused():
    with pytest.raises(ValidationError, match="is not a component id"):
        AuthConfig(authenticator="no id")


def test_headers_have_lower_case_names_and_several_of_one_name_are_one():
    pairs = [("X-Tenant", "a"), ("x-tenant", "b"), ("Accept", "*/*")]

    assert {"x-tenant": "a, b", "accept": "*/*"} == headers_of(pairs)


def test_a_value_that_is_no_text_is_kept():
    assert {"x-bin": "\udcff\udcfe"} == headers_of([("x-bin", b"\xff\xfe")])
