"""
Whatever stands in an answer: no document counts as written that the cluster did not say so of, and none is lost from
the books.
"""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.api import PermanentError, RetryableError
from collector.net.http_client import HttpAnswer
from collector.testing import settings as engine
from exporters.elasticsearch.bulk import parcels
from exporters.elasticsearch.documents import Documents
from exporters.elasticsearch.sending import Sending
from tests.exporters.elasticsearch.bulk_server import documents_in
from tests.exporters.elasticsearch.hand_made import config_of, document

COUNT = 3
ATTEMPTS = 12
KEYS = ["status", "error", "type", "reason", "failure_store", "create", "items"]
STATUSES = [
    200,
    201,
    201,
    201,
    100,
    199,
    202,
    204,
    299,
    400,
    409,
    413,
    429,
    500,
    503,
    600,
    -1,
    "201",
    201.5,
    True,
    None,
]


def nested(values):
    return st.lists(values, max_size=3) | st.dictionaries(
        st.sampled_from(KEYS) | st.text(max_size=3), values, max_size=4
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    nested,
    max_leaves=8,
)
its = st.fixed_dictionaries(
    {"status": st.sampled_from(STATUSES)}, optional={"error": anything, "failure_store": anything}
)
plain = st.fixed_dictionaries({"create": st.fixed_dictionaries({"status": st.sampled_from(STATUSES)})})
item = st.one_of(plain, st.fixed_dictionaries({"create": its}), anything)
body = st.one_of(
    st.fixed_dictionaries({"items": st.lists(plain, min_size=COUNT, max_size=COUNT)}).map(orjson.dumps),
    st.fixed_dictionaries({"items": st.lists(item, min_size=COUNT, max_size=COUNT)}).map(orjson.dumps),
    st.fixed_dictionaries({"items": st.lists(item, max_size=COUNT + 1)}).map(orjson.dumps),
    st.fixed_dictionaries({"error": anything}).map(orjson.dumps),
    anything.map(orjson.dumps),
    st.binary(max_size=20),
)
status = st.sampled_from([200] * 5 + [201, 204, 100, 301, 400, 401, 413, 429, 500, 503, 599, 999])
headers = st.sampled_from([{}, {"Retry-After": "x"}, {"Retry-After": "9" * 400}, {"Location": "http://a\n"}])
answers = st.lists(st.builds(HttpAnswer, status, headers, body, st.booleans() | st.just(True)), min_size=1, max_size=4)


class Answering:
    """
    A cluster that gives answers in turn, whatever it is sent; knows of which documents it said that they are there.
    """

    def __init__(self, answers):
        self.answers, self.asked, self.said = answers, 0, set()

    async def post(self, path, body, content_type, *, most_read):
        answer = self.answers[self.asked % len(self.answers)]
        self.asked += 1
        sent = documents_in(body)
        if 200 <= answer.status < 300 and answer.is_whole:
            self.said |= {
                document.source for document, there in zip(sent, _there(answer.body, sent), strict=True) if there
            }
        return answer


def _there(body, sent):
    """
    For each document, whether the answer says that it is there.
    """
    try:
        items = orjson.loads(body)["items"]
        assert len(items) == len(sent)
        return [_is_there(item, document) for item, document in zip(items, sent, strict=True)]
    except (ValueError, KeyError, TypeError, AssertionError, AttributeError):
        return [False] * len(sent)


def _is_there(item, document):
    (its,) = item.values()
    if its["status"] == 409:
        return bool(document.id)
    return its["status"] in {200, 201} and not its.get("error")


async def deliver(parcel, sending):
    """
    Return how many of its items were sent, dropped, and are left after some attempts.
    """
    left, dropped = parcel.items, 0
    sent = 0
    for _ in range(ATTEMPTS):
        try:
            outcome = await sending.attempt(parcel.content)
        except RetryableError:
            continue
        except PermanentError:
            return sent, dropped + left, 0
        if outcome is None:
            return sent + left, dropped, 0
        lost, rest = sum(outcome.dropped.values()), outcome.rest.items if outcome.rest else 0
        assert 0 <= rest <= left - lost
        sent, dropped, left = sent + left - lost - rest, dropped + lost, rest
        if outcome.rest is None:
            break
        parcel = outcome.rest
    return sent, dropped, left


@pytest.mark.slow
@settings(max_examples=300)
@given(answers=answers, dead_letter=st.sampled_from([None, {"index": "dead"}]))
async def test_whatever_stands_in_an_answer(answers, dead_letter):
    cluster = Answering(answers)
    sending = Sending(config_of(dead_letter=dead_letter), engine("elasticsearch"), cluster, lambda document: None)
    documents = [document(n, id=f"{n}" if n else "") for n in range(COUNT)]
    (parcel,) = parcels(Documents(documents), 10_000)

    sent, dropped, left = await deliver(parcel, sending)

    assert COUNT == sent + dropped + left
    assert sent <= len(cluster.said & {each.source for each in documents})
