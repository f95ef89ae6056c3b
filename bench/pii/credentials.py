"""Secrets of programs: keys, tokens and passwords, as vendors make them and as they get into telemetry."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Sequence

from bench.pii.marks import Format, Formats, letters, mark

_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_URLSAFE = _ALNUM + "-_"

KEY_NAMES = (
    "api_key",
    "apiKey",
    "api-key",
    "X-API-Key",
    "API_KEY",
    "STRIPE_SECRET_KEY",
    "client_secret",
    "clientSecret",
    "access_token",
    "auth_token",
    "refresh_token",
    "token",
    "secret",
    "password",
    "passwd",
    "db_password",
    "DB_PASS",
    "passphrase",
    "user.password",
    "spring.datasource.password",
    "access_key",
    "secretKey",
    "signing_key",
    "encryption_key",
    "x-auth-token",
    "csrf_token",
    "PGPASSWORD",
    "webhook_secret",
    "service_account_key",
)


def value(dice: random.Random) -> str:
    """Return a secret as programs make or people choose them."""
    make: Sequence[Callable[[], str]] = (
        lambda: letters(dice, 32, _HEX),
        lambda: letters(dice, 40, _ALNUM),
        lambda: base64.b64encode(dice.randbytes(24)).decode(),
        lambda: letters(dice, dice.randrange(8, 20), _ALNUM),
        lambda: dice.choice(["hunter", "S3cret-", "correct.horse", "Passw0rd!", "zX9$"]) + str(dice.randrange(1000)),
    )
    return dice.choice(make)()


def _named(form: str, names: tuple[str, ...] = KEY_NAMES) -> Callable[[random.Random], str]:
    return lambda dice: form.replace("NAME", dice.choice(names)).replace("VALUE", mark(value(dice), "api_key"))


def _phrase(form: str) -> Callable[[random.Random], str]:
    secret = "correct horse, battery & staple {}"
    return lambda dice: form.replace("VALUE", mark(secret.format(dice.randrange(100)), "api_key"))


def _known(dice: random.Random) -> str:
    """Keys that say whose they are, by what the vendors document."""
    make: Sequence[Callable[[], str]] = (
        lambda: dice.choice(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]) + letters(dice, 36, _ALNUM),
        lambda: f"github_pat_{letters(dice, 22, _ALNUM)}_{letters(dice, 59, _ALNUM)}",
        lambda: "glpat-" + letters(dice, 20, _URLSAFE),
        lambda: (
            f"xoxb-{letters(dice, 12, string.digits)}-{letters(dice, 12, string.digits)}-{letters(dice, 24, _ALNUM)}"
        ),
        lambda: dice.choice(["sk_live_", "sk_test_", "rk_live_"]) + letters(dice, 24, _ALNUM),
        lambda: "sk-proj-" + letters(dice, 48, _ALNUM),
        lambda: "sk-ant-api03-" + letters(dice, 93, _URLSAFE) + "AA",
        lambda: "AIza" + letters(dice, 35, _URLSAFE),
        lambda: "npm_" + letters(dice, 36, _ALNUM),
        lambda: "pypi-AgEIcHlwaS5vcmc" + letters(dice, 80, _URLSAFE),
        lambda: f"SG.{letters(dice, 22, _URLSAFE)}.{letters(dice, 43, _URLSAFE)}",
        lambda: "hvs." + letters(dice, 90, _URLSAFE),
        lambda: "dop_v1_" + letters(dice, 64, _HEX),
        lambda: "hf_" + letters(dice, 34, string.ascii_letters),
        lambda: "shpat_" + letters(dice, 32, _HEX),
        lambda: "glsa_" + letters(dice, 32, _ALNUM) + "_" + letters(dice, 8, _HEX),
        lambda: "dckr_pat_" + letters(dice, 27, _URLSAFE),
    )
    return mark(dice.choice(make)(), "api_key")


def _json(dice: random.Random) -> str:
    return json.dumps({"user": "u1", dice.choice(KEY_NAMES): mark(value(dice), "api_key"), "n": 3}, ensure_ascii=False)


API_KEY: Formats = {
    "name=value": Format(_named("NAME=VALUE"), is_bare=False),
    "name: value": Format(_named("NAME: VALUE"), is_bare=False),
    "name = quoted": Format(_named('NAME = "VALUE"'), is_bare=False),
    "single quotes": Format(_named("{'NAME': 'VALUE', 'b': 1}"), is_bare=False),
    "JSON": Format(_json, is_bare=False),
    "JSON in JSON": Format(lambda dice: json.dumps({"body": _json(dice)}, ensure_ascii=False), is_bare=False),
    "URL": Format(_named("https://shop.example.com/a?NAME=VALUE&page=2"), is_bare=False),
    "command line": Format(
        _named("curl --NAME VALUE -v", ("password", "token", "api-key", "client-secret")), is_bare=False
    ),
    "command line with =": Format(
        _named("run --NAME=VALUE -v", ("password", "token", "api-key", "client-secret")), is_bare=False
    ),
    "tags": Format(_named("<NAME>VALUE</NAME>", ("password", "apiKey", "token", "wsse:Password")), is_bare=False),
    "connection string": Format(_named("Server=db1;User Id=app;Password=VALUE;Encrypt=yes"), is_bare=False),
    "pair": Format(_named("headers=[('host', 'a'), ('NAME', 'VALUE')]"), is_bare=False),
    "pair of bytes": Format(_named("[(b'NAME', b'VALUE'), (b'accept', b'*/*')]"), is_bare=False),
    "pair in JSON": Format(_named('[["NAME","VALUE"],["accept","*/*"]]'), is_bare=False),
    "words in quotes": Format(_phrase('{"password":"VALUE","n":1}'), is_bare=False),
    "environment": Format(
        _named("export NAME=VALUE\nexport PATH=/bin", ("API_KEY", "DB_PASSWORD", "AUTH_TOKEN")), is_bare=False
    ),
    "vendor's prefix": Format(_known),
}


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def jwt(dice: random.Random) -> str:
    header = _part({"alg": dice.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"})
    claims = _part({"sub": str(dice.randrange(10**9)), "iat": dice.randrange(10**9)})
    return f"{header}.{claims}.{letters(dice, dice.choice([43, 86, 342]), _URLSAFE)}"


def _encrypted(dice: random.Random) -> str:
    header = _part({"alg": "RSA-OAEP", "enc": "A256GCM"})
    return ".".join([header, *(letters(dice, length, _URLSAFE) for length in (40, 16, 60, 22))])


JWT: Formats = {
    "signed": Format(lambda dice: mark(jwt(dice), "jwt")),
    "unsigned": Format(lambda dice: mark(jwt(dice).rpartition(".")[0] + ".", "jwt"), is_bare=False),
    "encrypted": Format(lambda dice: mark(_encrypted(dice), "jwt")),
    "cookie": Format(lambda dice: f"Cookie: a=b; session={mark(jwt(dice), 'jwt')}; c=d", is_bare=False),
}


def _opaque(dice: random.Random) -> str:
    return letters(dice, dice.randrange(20, 60), _ALNUM + "-._~+/")[:-1] + "7"


def _bearer(form: str) -> Callable[[random.Random], str]:
    return lambda dice: form.format(mark(_opaque(dice), "bearer_token"))


def _basic(form: str) -> Callable[[random.Random], str]:
    return lambda dice: form.format(
        mark(base64.b64encode(f"u{dice.randrange(99)}:{value(dice)}".encode()).decode(), "bearer_token")
    )


BEARER_TOKEN: Formats = {
    "header": Format(_bearer("Authorization: Bearer {}"), is_bare=False),
    "lower case": Format(_bearer("authorization: bearer {}"), is_bare=False),
    "alone": Format(_bearer("Bearer {}")),
    "JSON": Format(_bearer('{{"Authorization":"Bearer {}"}}'), is_bare=False),
    "curl": Format(_bearer("curl -H 'Authorization: Bearer {}' https://api.example.com"), is_bare=False),
    "basic": Format(_basic("Authorization: Basic {}"), is_bare=False),
    "proxy": Format(_basic("Proxy-Authorization: Basic {}"), is_bare=False),
    "headers of Go": Format(_bearer("map[Authorization:[Bearer {}] Accept:[*/*]]"), is_bare=False),
    "JWT": Format(lambda dice: f"Authorization: Bearer {mark(jwt(dice), 'bearer_token', 'jwt')}", is_bare=False),
}
_BASE32 = string.ascii_uppercase + "234567"


def _aws_secret(form: str) -> Callable[[random.Random], str]:
    return lambda dice: form.format(mark(letters(dice, 40, _ALNUM + "/+"), "aws_key", "api_key"))


AWS_KEY: Formats = {
    "access key": Format(lambda dice: mark("AKIA" + letters(dice, 16, _BASE32), "aws_key")),
    "temporary": Format(lambda dice: mark("ASIA" + letters(dice, 16, _BASE32), "aws_key")),
    "role": Format(lambda dice: mark("AROA" + letters(dice, 16, _BASE32), "aws_key")),
    "secret, environment": Format(_aws_secret("AWS_SECRET_ACCESS_KEY={}"), is_bare=False),
    "secret, file": Format(_aws_secret("aws_secret_access_key = {}"), is_bare=False),
    "secret, JSON": Format(_aws_secret('{{"SecretAccessKey": "{}"}}'), is_bare=False),
}


def _pem(kind: str) -> Callable[[random.Random], str]:
    def make(dice: random.Random) -> str:
        body = base64.encodebytes(dice.randbytes(300)).decode().strip()
        return mark(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----", "private_key")

    return make


PRIVATE_KEY: Formats = {
    **{
        kind: Format(_pem(kind))
        for kind in (
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        )
    },
}


def _credentials(form: str) -> Callable[[random.Random], str]:
    def make(dice: random.Random) -> str:
        secret = letters(dice, dice.randrange(6, 20), _ALNUM + "!$*-_.")
        return form.format(mark(f"app:{secret}", "url_credentials"))

    return make


URL_CREDENTIALS: Formats = {
    "database": Format(_credentials("postgres://{}@db.example.com:5432/shop")),
    "web": Format(_credentials("https://{}@example.com/x?a=1")),
    "queue": Format(_credentials("amqp://{}@mq-1:5672/%2f"), is_bare=False),
    "driver": Format(_credentials("postgresql+psycopg://{}@10.example.org/x")),
    "no user": Format(lambda dice: f"redis://{mark(':' + letters(dice, 12, _ALNUM), 'url_credentials')}@cache:6379/0"),
    "token": Format(
        lambda dice: f"https://{mark('x' + letters(dice, 36, _ALNUM), 'url_credentials')}@git.example.com/r.git"
    ),
}
