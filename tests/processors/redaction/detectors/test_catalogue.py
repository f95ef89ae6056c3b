import pytest

from processors.redaction.detectors.catalogue import BUILT_IN, builtin
from processors.redaction.detectors.scanner import Scanner


@pytest.fixture(scope="module")
def scanner():
    return Scanner([builtin(name) for name in BUILT_IN])


def mask(scanner, text):
    masked, position = b"", 0
    for start, end, detector in scanner.find(text):
        masked += text[position:start] + detector.replacement
        position = end
    return masked + text[position:]


SENTENCES = [
    ("User email: user@example.com", "User email: ***@***.***"),
    ("?email=jane.doe%2Bnews%40mail.example.co.uk&a=1", "?email=***@***.***&a=1"),
    ("메일 kim@example.co.kr로", "메일 ***@***.***로"),
    ("API key stored in SECRET_KEY=abc123def456", "API key stored in SECRET_KEY=***"),
    ('api_key: "x"', 'api_key: "***"'),
    ("token=x", "token=***"),
    ("TOKEN=x", "TOKEN=***"),
    ("apikey='x'", "apikey='***'"),
    ("ApiKey='x'", "ApiKey='***'"),
    ('{"api_key":"x","a":1}', '{"api_key":"***","a":1}'),
    (r"{\"api_key\":\"x\",\"a\":1}", r"{\"api_key\":\"***\",\"a\":1}"),
    (r'{"password":"a\"b c","a":1}', r'{"password":"***","a":1}'),
    ('{"token":"cut off', '{"token":"***'),
    ("/path?token=x&b=2", "/path?token=***&b=2"),
    ("q=token%3Dx%26b%3D2", "q=token%3D***%26b%3D2"),
    (r"line\n10.1.2.3", r"line\n***.***.***.***"),
    ("ip%3D10.1.2.3", "ip%3D***.***.***.***"),
    ("[('x-api-key', 'abc'), ('a', 'b')]", "[('x-api-key', '***'), ('a', 'b')]"),
    ("[(b'authorization-token', b'abc')]", "[(b'authorization-token', b'***')]"),
    (r"[[\"token\",\"abc\"]]", r"[[\"token\",\"***\"]]"),
    ("10.1.2.3-10.1.2.9", "***.***.***.***"),
    ("run --db-password hunter2 -v", "run --db-password *** -v"),
    ("<apiKey>abc</apiKey>", "<apiKey>***</apiKey>"),
    ("123-45-6789", "***-**-****"),
    ("?q=123%E2%80%9145%E2%80%916789", "?q=***-**-****"),
    ("ssn 123 45 6789 of jane", "ssn ***-**-**** of jane"),
    ('{"ssn":"123456789"}', '{"ssn":"***-**-****"}'),
    ("555-123-4567", "***-****"),
    ("call (555) 123-4567 x12 now", "call ***-**** now"),
    ("+44 20 7946 0958, +82-10-1234-5678", "***-****, ***-****"),
    ("+15551234567", "***-****"),
    ("010-1234-5678", "***-****"),
    ("phone: 030 12345678", "phone: ***-****"),
    ("contact phone (030 12345678)", "contact phone (***-****)"),
    ('{"homeTel":"0301234567","mobile_no":"07700 900123"}', '{"homeTel":"***-****","mobile_no":"***-****"}'),
    ("4111 1111 1111 1111", "****-****-****-****"),
    ("4111-1111-1111-1111", "****-****-****-****"),
    ("4111111111111111", "****-****-****-****"),
    ("3782 822463 10005", "****-****-****-****"),
    ("4111 1111 1111 1111 123", "****-****-****-**** 123"),
    ("card_id=4111111111111111", "card_id=****-****-****-****"),
    ("DE89 3704 0044 0532 0130 00", "****"),
    ("?iban=DE89%203704%200044%200532%200130%2000", "?iban=****"),
    ("GB82WEST12345698765432", "****"),
    ("client 10.1.2.3:80", "client ***.***.***.***:80"),
    ("http://10.1.2.3/x", "http://***.***.***.***/x"),
    ("from 2001:db8::1.", "from ****:****."),
    ("AA:bb:cc:dd:ee:01", "**:**:**:**:**:**"),
    ("Authorization: Basic dXNlcjpw", "Authorization: Basic ***"),
    ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_d", "Bearer ***"),
    ("id AKIAIOSFODNN7EXAMPLE", "id ***"),
    ("https://x0123456789abcdefghij@git.example.com/r", "https://***@git.example.com/r"),
    ("Bearer abcdefgh1.", "Bearer ***."),
    ("key xoxb-1234567890-abcdefghij left", "key *** left"),
    ("?mail=jos%C3%A9@b%C3%BCcher.example.de", "?mail=***@***.***"),
    ("postgres://user:pass@db.example.com:5432/x", "postgres://***@db.example.com:5432/x"),
    ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- z", "a *** z"),
    ("rrn 900101-1234567", "rrn ******-*******"),
    ("passport number: C12345678", "passport number: *********"),
]


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_a_secret_is_masked_and_what_stands_beside_it_stays(scanner, text, expected):
    assert expected == mask(scanner, text.encode()).decode()


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_masked_text_is_not_found_again(scanner, text, expected):
    assert expected == mask(scanner, expected.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png",
        "git@github.com:org/repo.git",
        "getty@tty1.service",
        "Chrome/120.0.0.0",
        "version 10.0.1.1",
        "10.0.19045.1",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000",
        "4111111111111112",
        "order_id=4111111111111111",
        '"GET / HTTP/1.1" 404 12 2034',
        '"GET / HTTP/1.1" 404 312 2034 0',
        "cpu 123 45 6789 0",
        "telemetry batch 12345678, cancelled 12345678, hotel 12345678",
        "hotel.id=2125550100, microphone 12345678, Headphones: 2125550100",
        "/orders/4111111111111111",
        "a4111111111111111",
        "123456789",
        "DE88370400440532013000",
        "std::vector at 12:34:56",
        "max_token=4096 token=null password=${PASSWORD} PWD=/srv/app",
        "token: expired",
        "['password', 'email', 'name']",
        "Bearer authentication failed",
        "00:00:00:00:00:00 127.0.0.1 ::1",
        "991301-1234567",
    ],
)
def test_telemetry_that_looks_like_a_secret_stays(scanner, text):
    assert [] == scanner.find(text.encode())


def test_further_names_of_secrets_can_be_given():
    scanner = Scanner([builtin("api_key", names=["x-internal.auth"])])

    assert b"X-Internal.Auth: ***" == mask(scanner, b"X-Internal.Auth: abc")
    assert [] == scanner.find(b"x-internal_auth: abc")


@pytest.mark.parametrize(("name", "options"), [("emails", {}), ("email", {"depth": 1})])
def test_what_there_is_not_is_refused(name, options):
    with pytest.raises(ValueError, match=name):
        builtin(name, **options)
