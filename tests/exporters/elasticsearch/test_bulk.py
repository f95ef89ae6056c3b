import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.api import DropReason
from exporters.elasticsearch.bulk import body_of, cut, parcels, size_of
from exporters.elasticsearch.documents import Documents, Undeliverable
from tests.exporters.elasticsearch.hand_made import document


def of_size(size, item=0, items=1):
    action = document(item).action
    return document(item, items=items, source=b"x" * (size - len(action) - 2))


def test_a_body_has_two_lines_for_each_document_and_ends_with_a_line_feed():
    documents = [document(0, id="a"), document(1)]

    assert b'{"create":{"_index":"logs","_id":"a"}}\n{"n":0}\n{"create":{"_index":"logs"}}\n{"n":1}\n' == body_of(
        documents
    )
    assert len(body_of(documents)) == sum(map(size_of, documents))


def test_everything_that_fits_is_one_parcel():
    (parcel,) = parcels(Documents([of_size(100, item) for item in range(10)]), 1000)

    assert 10 == parcel.items
    assert [1000] == [len(body_of(piece)) for piece in parcel.content.pieces]


def test_a_parcel_is_at_most_so_many_bytes():
    sizes = [
        len(body_of(piece))
        for p in parcels(Documents([of_size(100, i) for i in range(25)]), 999)
        for piece in p.content.pieces
    ]

    assert [900, 900, 700] == sizes


def test_a_larger_document_is_alone():
    documents = [of_size(100, 0), of_size(5000, 1), of_size(100, 2)]

    assert [1, 1, 1] == [parcel.items for parcel in parcels(Documents(documents), 1000)]


def test_documents_of_a_record_stay_together_however_large():
    """
    A span and its events: they go in several requests, but are counted once.
    """
    span = [of_size(600, 1), of_size(600, 1, items=0), of_size(300, 1, items=0)]
    first, second, third = parcels(Documents([of_size(100, 0), *span, of_size(100, 2)]), 1000)

    assert [1, 1, 1] == [first.items, second.items, third.items]
    assert [[600], [900]] == [
        [size_of(d) for d in second.content.pieces[0]],
        [sum(map(size_of, second.content.pieces[1]))],
    ]


def test_no_documents_are_no_parcels():
    assert [] == parcels(Documents(), 1000)


def test_what_cannot_be_delivered_is_with_the_other_documents_of_its_record():
    refused = Undeliverable(document(1, items=0, target="A"), "index name must be lower case")
    alone = Undeliverable(document(2, target="B"), "index name must be lower case")
    first, second = parcels(Documents([document(0), document(1)], [refused, alone]), 1000)

    assert [(2, ["A"]), (1, ["B"])] == [
        (parcel.items, [letter.document.target for letter in parcel.content.letters]) for parcel in (first, second)
    ]


records = st.lists(st.lists(st.integers(40, 400), min_size=1, max_size=4), max_size=30)
"""The sizes of the documents of each record; the first is the record itself."""


@given(records, st.integers(50, 1500))
def test_nothing_is_lost_or_counted_twice_by_cutting(records, most):
    documents = [of_size(size, item, int(not n)) for item, sizes in enumerate(records) for n, size in enumerate(sizes)]
    found = parcels(Documents(documents), most)

    assert documents == [document for parcel in found for document in parcel.content.documents]
    assert len(records) == sum(parcel.items for parcel in found)
    pieces = [piece for parcel in found for piece in parcel.content.pieces]
    assert all(len(piece) == 1 or len(body_of(piece)) <= most for piece in pieces)


@given(st.lists(st.integers(40, 400)), st.integers(50, 1500))
def test_pieces_have_as_many_bytes_as_they_may(sizes, most):
    pieces = list(cut([of_size(size) for size in sizes], most))

    assert all(len(body_of([*a, b[0]])) > most for a, b in itertools.pairwise(pieces))


@given(records, st.data())
def test_a_record_is_lost_once_whichever_of_its_documents_are(records, data):
    documents = [of_size(size, item, int(not n)) for item, sizes in enumerate(records) for n, size in enumerate(sizes)]
    lost = data.draw(st.lists(st.sampled_from(documents))) if documents else []
    for parcel in parcels(Documents(documents), 10**6):
        parcel.content.weigh()
        for each in lost:
            parcel.content.lose(each, DropReason.DEAD_LETTER)

        assert Counter({DropReason.DEAD_LETTER: len({each.item for each in lost})}) == +parcel.content.lost or not lost
        assert len(records) - len({each.item for each in lost}) == parcel.content.items
