"""
Random requests of all signals, whose every text may be a secret, and unusual ways to write them.
"""

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from collector.batch import SHAPES
from collector.wire.walk import fields, varint

SECRETS = [
    "leak1@example.com",
    "to leak2@example.com, cc leak3@example.org",
    'token=leak4x7 {"api_key": "leak5x8"}',
    "GET /?apikey=leak6x9&x=1",
    "Bearer leak7leak7leak7leak7",
    "https://me:leak8@example.com/",
    "é leak9@exämple.com ü",
]
"""
Each has `leak` in what is to be masked, and nowhere else.
"""
NUMBERS = ["4111111111111111", "card 4111 1111 1111 1111", "123-45-6789", "219099999", "555-123-4567", "10.1.2.3"]
PLAIN = ["", "a", "GET /", "***", "***@***.***", "x" * 200, "naïve", "2026-11-28T03:00:00Z", "line\nline", "{}"]
KEYS = ["a", "b.c", "name", "", "x" * 130, "é", "user.id"]
TELLING_KEYS = ["password", "api_key", "user.token"]
INTRODUCING_KEYS = ["ssn", "user.phone", "passport"]
_TEXT_UNDER_A_TELLING_KEY = "leakAbare7"
UNKNOWN = 1999
"""
The number of a field that no message of OTLP has.
"""


def random_request(dice, signal):
    """
    Returns an official message, every field of which may be filled.
    """
    request = SHAPES[signal].request()
    _fill(request, dice, 0)
    return request


def random_wire(dice, signal, *, is_odd):
    """
    Returns the bytes of such a message, as encoders write them or in unusual ways.
    """
    request = random_request(dice, signal)
    wire = request.SerializeToString()
    return unusual(wire, request.DESCRIPTOR, dice) if is_odd else wire


def _fill(message, dice, depth):
    if isinstance(message, KeyValue):
        _fill_pair(message, dice, depth)
    elif isinstance(message, AnyValue):
        _fill_value(message, dice, depth, dice.choice(SECRETS + NUMBERS + PLAIN))
    else:
        taken = {}
        for field in message.DESCRIPTOR.fields:
            if field.containing_oneof:  # one member of each
                taken.setdefault(field.containing_oneof.name, dice.choice(field.containing_oneof.fields).name)
                if taken[field.containing_oneof.name] != field.name:
                    continue
            if dice.random() < 0.75:
                _fill_field(message, field, dice, depth)


def _fill_field(message, field, dice, depth):
    if field.message_type is not None and field.is_repeated:
        for _ in range(dice.choice([1, 1, 2, 3])):
            _fill(getattr(message, field.name).add(), dice, depth)
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
        _fill(getattr(message, field.name), dice, depth)
    elif field.is_repeated:
        getattr(message, field.name).extend([_scalar(field, dice) for _ in range(2)])
    else:
        setattr(message, field.name, _scalar(field, dice))


def _scalar(field, dice):
    if field.type == field.TYPE_STRING:
        return dice.choice(SECRETS + NUMBERS + PLAIN)
    if field.type == field.TYPE_BYTES:
        return dice.randbytes(8)
    return 1.0 if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT) else 1


def _fill_pair(pair, dice, depth):
    pair.key = dice.choice(KEYS + TELLING_KEYS + INTRODUCING_KEYS)
    texts = SECRETS + NUMBERS + PLAIN
    if pair.key in TELLING_KEYS:
        texts = [*texts, *[_TEXT_UNDER_A_TELLING_KEY] * 10]
    if dice.random() < 0.9:
        pair.value.SetInParent()
        _fill_value(pair.value, dice, depth, dice.choice(texts))


def _fill_value(value, dice, depth, text):
    kind = dice.choices([*_LEAVES, "none", "array", "map"], [10, 1, 2, 1, 1, 1, 2, 2])[0]
    if kind in {"array", "map"} and depth > 3:
        kind = "string_value"
    if kind in _LEAVES:
        setattr(value, kind, _LEAVES[kind](dice, text))
    elif kind == "array":
        value.array_value.SetInParent()
        for _ in range(dice.randrange(3)):
            _fill_value(value.array_value.values.add(), dice, depth + 1, text)
    elif kind == "map":
        value.kvlist_value.SetInParent()
        for _ in range(dice.randrange(3)):
            _fill_pair(value.kvlist_value.values.add(), dice, depth + 1)


_LEAVES = {
    "string_value": lambda _, text: text,
    "bytes_value": lambda _, text: text.encode(),
    "int_value": lambda dice, _: dice.choice([7, 4111111111111111, 219099999]),
    "double_value": lambda dice, _: dice.choice([0.5, 4111111111111111.0]),
    "bool_value": lambda dice, _: dice.random() < 0.5,
}


def unusual(wire, message_type, dice):
    """
    Returns other bytes of the same message: fields in another order and some twice, of which the last one counts,
    lengths that are longer than they have to be, and fields that nobody knows.
    """
    parts = []
    start = 0
    for tag, begin, end in fields(wire, 0, len(wire)):
        field = message_type.fields_by_number.get(tag >> 3)
        raw, payload, start = wire[start:end], wire[begin:end], end
        if tag & 7 != 2 or field is None:
            parts.append((tag >> 3, [raw]))
        elif field.message_type is not None:
            inner = unusual(payload, field.message_type, dice)
            parts.append((tag >> 3, [_written(tag, piece, dice) for piece in _pieces(inner, field, dice)]))
        else:
            parts.append((tag >> 3, [*_earlier(tag, field, dice), _written(tag, payload, dice)]))
    return b"".join(_shuffled(parts, message_type, dice)) + _unknown(dice)


def _shuffled(parts, message_type, dice):
    groups = {}
    for number, raw in parts:
        field = message_type.fields_by_number.get(number)
        oneof = field.containing_oneof.name if field is not None and field.containing_oneof else number
        groups.setdefault(oneof, []).extend(raw)
    order = list(groups)
    dice.shuffle(order)
    return [raw for group in order for raw in groups[group]]


def _pieces(inner, field, dice):
    """
    Cut a message that should be there once in two, which parsers join.
    """
    if field.is_repeated or dice.random() < 0.7:
        return [inner]
    cuts = [0, *(end for _, _, end in fields(inner, 0, len(inner)))]
    cut = dice.choice(cuts)
    return [inner[:cut], inner[cut:]]


def _earlier(tag, field, dice):
    if field.is_repeated or field.type != field.TYPE_STRING or dice.random() < 0.7:
        return []
    return [_written(tag, dice.choice(SECRETS).encode(), dice)]


def _unknown(dice):
    return _written(UNKNOWN << 3 | 2, b"new", dice) if dice.random() < 0.1 else b""


def _written(tag, payload, dice):
    longer = 1 if dice.random() < 0.1 else 0
    return _varint(tag) + _varint(len(payload), longer) + payload


def _varint(number, longer=0):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(longer):
        out[-1] |= 0x80
        out.append(0)
    assert varint(bytes(out), 0, len(out))[1] == len(out)
    return bytes(out)
