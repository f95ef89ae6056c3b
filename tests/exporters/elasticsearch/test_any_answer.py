"""
Whatever a cluster answers: every document that it takes is there once, every other is in the dead letter with its own
text, and every record is in the books once.
"""

import random

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.api import DropReason, RetryableError
from collector.net.http_client import HttpAnswer
from collector.testing import settings as engine
from exporters.elasticsearch.bulk import parcels
from exporters.elasticsearch.documents import Documents, Undeliverable
from exporters.elasticsearch.sending import Sending
from tests.exporters.elasticsearch.bulk_server import documents_in, item
from tests.exporters.elasticsearch.hand_made import config_of, document

FATES = ["good"] * 12 + ["bad", "malformed", "huge", "nowhere"]
DEAD = "dead"


class Moody:
    """
    A cluster in the process: takes what is good, and fails as often as it is told to, before or after it took it.
    """

    def __init__(self, chance, failures, most):
        self.random, self.failures, self.most = random.Random(chance), failures, most
        self.stored, self.letters = {}, {}

    async def post(self, path, body, content_type, *, most_read):
        documents = documents_in(body)
        if self._fails() and self.random.random() < 0.5:
            return self._failure()
        if b"malformed" in body and documents[0].index != DEAD:
            return self._refusal(400, "x_content_parse_exception")
        if len(body) > self.most and (len(documents) > 1 or b"huge" in documents[0].source):
            return self._refusal(413, "") if documents[0].index != DEAD or len(documents) > 1 else self._take(documents)
        answer = self._take(documents)
        return self._failure() if self._fails() else answer

    def _take(self, documents):
        return self._answer({"items": [self._item(document) for document in documents]})

    def _item(self, document):
        if self._fails():
            return item(self.random.choice([429, 503]), "busy")
        if b"bad" in document.source and document.index != DEAD:
            return item(400, "document_parsing_exception")
        store = self.letters if document.index == DEAD else self.stored
        if document.id in store:
            return item(409, "version_conflict_engine_exception")
        store[document.id] = document.source
        return item()

    def _fails(self):
        if self.failures and self.random.random() < 0.3:
            self.failures -= 1
            return True
        return False

    def _failure(self):
        match self.random.randrange(4):
            case 0:
                raise RetryableError("connection reset")
            case 1:
                return self._answer("Please log in")
            case 2:
                return self._answer({"items": [item()] * 999})
        return self._refusal(self.random.choice([429, 502, 503, 504]), "busy")

    def _refusal(self, status, type_):
        return self._answer({"error": {"type": type_}}, status)

    def _answer(self, body, status=200):
        return HttpAnswer(status, {}, orjson.dumps(body), True)


async def deliver(parcel, sending):
    """
    Send a parcel as the engine does; return what was sent and dropped of it.
    """
    left, sent, dropped = parcel.items, 0, 0
    for _ in range(10_000):
        try:
            outcome = await sending.attempt(parcel.content)
        except RetryableError:
            continue
        if outcome is None:
            return sent + left, dropped
        lost = sum(outcome.dropped.values())
        rest = outcome.rest.items if outcome.rest else 0
        assert {DropReason.DEAD_LETTER} >= set(outcome.dropped)
        assert 0 <= rest <= left - lost
        dropped += lost
        sent += left - lost - rest
        left, parcel = rest, outcome.rest
        if parcel is None:
            return sent, dropped
    raise AssertionError("it never ends")


def made_of(fates):
    """
    Return documents for records with documents of these fates, the first of each being the record itself.
    """
    made = Documents()
    for n, record in enumerate(fates):
        for k, fate in enumerate(record):
            source = orjson.dumps({"fate": fate, "n": n, "k": k, "x": "x" * (3000 if fate == "huge" else 20)})
            each = document(n, items=int(k == 0), id=f"{n}-{k}", source=source)
            if fate == "nowhere":
                made.undeliverable.append(Undeliverable(each, "index name must be lower case"))
            else:
                made.documents.append(each)
    return made


@settings(max_examples=60)
@given(
    fates=st.lists(st.lists(st.sampled_from(FATES), min_size=1, max_size=4), max_size=25),
    chance=st.integers(0, 2**32),
    failures=st.integers(0, 40),
    most=st.integers(200, 2500),
    bytes_=st.integers(200, 4000),
)
async def test_whatever_a_cluster_answers(fates, chance, failures, most, bytes_):
    made, cluster = made_of(fates), Moody(chance, failures, most)
    config = config_of(flush={"bytes": bytes_}, dead_letter={"index": DEAD})
    sending = Sending(config, engine("elasticsearch"), cluster, lambda document: None)
    sent, dropped = 0, 0
    for parcel in parcels(made, bytes_):
        ends = await deliver(parcel, sending)
        sent, dropped = sent + ends[0], dropped + ends[1]

    refused = [fate for record in fates for fate in record if fate != "good"]
    assert sum(set(record) == {"good"} for record in fates) == sent
    assert len(fates) == sent + dropped
    assert {each.id: each.source for each in made.documents if b'"good"' in each.source} == cluster.stored
    assert len(refused) == len(cluster.letters)
