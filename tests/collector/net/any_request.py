"""
Messages as OTLP allows them, at random.
"""

from __future__ import annotations

import math

from collector.batch import SHAPES

TEXTS = ["", "a", "é\u2028\U0001f600", '"\\/:', "\x00\x1f"]


DOUBLES = [0.0, -0.0, 1.5, 1e308, 5e-324, math.inf, -math.inf]


SCALARS = {
    1: lambda chance: chance.choice(DOUBLES),
    3: lambda chance: chance.choice([0, 1, -1, -(2**63), 2**63 - 1]),
    5: lambda chance: chance.choice([0, 1, -1, -(2**31), 2**31 - 1]),
    6: lambda chance: chance.choice([0, 1, 2**53 + 1, 2**64 - 1]),
    7: lambda chance: chance.choice([0, 1, 2**32 - 1]),
    8: lambda chance: chance.random() < 0.5,
    9: lambda chance: chance.choice(TEXTS),
    12: lambda chance: chance.randbytes(chance.choice([0, 1, 2, 8, 16])),
    13: lambda chance: chance.choice([0, 1, 127, 128, 2**32 - 1]),
    14: lambda chance: chance.randrange(5),
    16: lambda chance: chance.choice([0, 1, -1, -(2**63), 2**63 - 1]),
    17: lambda chance: chance.choice([0, 1, -1, -(2**31), 2**31 - 1]),
}


SCALARS[4] = SCALARS[6]


def any_request(signal, chance):
    """
    A message as OTLP allows it, without unknown fields.
    """
    request = SHAPES[signal].request()
    fill(request, chance, depth=12)
    return request


def fill(message, chance, depth):
    fields = list(message.DESCRIPTOR.fields) if depth else []
    for field in chance.sample(fields, min(len(fields), 3)):
        for _ in range(1 + field.is_repeated):
            put(message, field, chance, depth)


def put(message, field, chance, depth):
    current = getattr(message, field.name)
    if field.message_type is not None:
        child = current.add() if field.is_repeated else current
        child.SetInParent()
        fill(child, chance, depth - 1)
    elif field.is_repeated:
        current.append(SCALARS[field.type](chance))
    else:
        setattr(message, field.name, SCALARS[field.type](chance))
