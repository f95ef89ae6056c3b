"""What one parcel is: documents, cut into the bodies of bulk requests, and what is left of them after some answers.

All documents of a record are in one parcel, so that a record is counted once, and as lost if one of them is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from collector.api import DropReason, Parcel
from exporters.elasticsearch.answers import ItemAnswer
from exporters.elasticsearch.documents import Document, Documents

Piece = list[Document]
"""Documents of one request."""
_item = attrgetter("item")
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Letter:
    """A document that nobody takes, on its way to the dead letter."""

    document: Document
    answer: ItemAnswer
    otherwise: DropReason = DropReason.REJECTED_PERMANENT
    """Why it is lost if there is no dead letter."""

    @property
    def why(self) -> str:
        return str(self.answer) if self.answer.status else self.answer.reason


@dataclass(slots=True)
class Bulk:
    """What is left of a parcel.

    Answers change it as they come, so that an attempt that is cut off is gone on with where it was: what has been
    answered is not sent again.
    """

    pieces: list[Piece] = field(default_factory=list)
    """Still to be sent, in this order."""
    letters: list[Letter] = field(default_factory=list)
    again: list[Document] = field(default_factory=list)
    """What the server may take later, in the order of sending."""
    lost: Counter[DropReason] = field(default_factory=Counter)
    """Items of the batch, each once."""
    why: Counter[str] = field(default_factory=Counter)
    """Errors of single documents, with how many had each."""
    server_errors: int = 0
    """How often a request was answered with 500."""
    is_begun: bool = False
    """Whether something of it has been answered."""
    weights: dict[int, int] | None = None
    """How many items are lost with a record; those that are lost already are not in it.  None as long as all documents
    are in `pieces` and `letters`."""

    @property
    def documents(self) -> Iterator[Document]:
        """All that is left."""
        yield from self.again
        for piece in self.pieces:
            yield from piece
        for letter in self.letters:
            yield letter.document

    @property
    def items(self) -> int:
        """How many items of the batch are lost if what is left is."""
        if self.weights is None:
            return sum([document.items for piece in self.pieces for document in piece]) + sum(
                [letter.document.items for letter in self.letters]
            )
        return sum([self.weights.get(item, 0) for item in {document.item for document in self.documents}])

    def lose(self, document: Document, reason: DropReason) -> None:
        """Count what `document` stands for, unless that is counted already."""
        self.lost[reason] += self.weigh().pop(document.item, 0)

    def weigh(self) -> dict[int, int]:
        """Note what each record weighs; call it before a document is taken away."""
        if self.weights is None:
            self.weights = Counter()
            for document in self.documents:
                self.weights[document.item] += document.items
        return self.weights

    def halve(self) -> None:
        """Cut the first piece in two."""
        first = self.pieces[0]
        middle = len(first) // 2
        self.replace_first([first[:middle], first[middle:]])

    def replace_first(self, pieces: Iterable[Piece]) -> None:
        """Send these instead of the first piece."""
        self.weigh()
        self.pieces[0:1] = pieces

    def rest(self, most: int) -> Bulk:
        """Return what the next attempt has to do, with requests of at most `most` bytes for what was taken back."""
        rest = Bulk([*cut(self.again, most), *self.pieces], self.letters, weights=self.weights)
        rest.server_errors = self.server_errors
        rest.why.update(letter.why for letter in self.letters)
        return rest

    @property
    def reasons(self) -> str:
        """The most frequent errors of single documents, for the log."""
        return ", ".join(f"{count} x {why}" for why, count in self.why.most_common(_MOST_REASONS))


def parcels(documents: Documents, most: int) -> list[Parcel]:
    """Cut documents into parcels of at most `most` bytes; costs 0.2 us for each document, 0.8 if there are several.

    A document that is larger by itself is alone, and so are the documents of one record that are larger together.
    """
    bulks = [Bulk(pieces) for pieces in _cut(documents.documents, most)]
    if documents.undeliverable:
        _add_undeliverable(bulks, documents)
    return [Parcel(bulk, bulk.items) for bulk in bulks]


def cut(documents: Iterable[Document], most: int) -> Iterator[Piece]:
    """Yield pieces of at most `most` bytes; one that has more has one document."""
    piece: Piece = []
    size = 0
    for document in documents:
        its = size_of(document)
        if piece and size + its > most:
            yield piece
            piece, size = [], 0
        piece.append(document)
        size += its
    if piece:
        yield piece


def body_of(piece: Piece) -> bytes:
    """Return the body of a request: every line ends, also the last one."""
    lines = [line for document in piece for line in (document.action, document.source)]
    return b"\n".join([*lines, b""])


def size_of(document: Document) -> int:
    return len(document.action) + len(document.source) + 2


def _cut(documents: list[Document], most: int) -> Iterator[list[Piece]]:
    """Yield the pieces of each parcel."""
    if not documents:
        return
    # as `size_of`, without a call for each
    if sum([len(document.action) + len(document.source) for document in documents]) + 2 * len(documents) <= most:
        yield [documents]
        return
    piece: Piece = []
    size = 0
    for _, run in groupby(documents, key=_item):
        record = list(run)
        its = sum([size_of(document) for document in record])
        if piece and size + its > most:
            yield [piece]
            piece, size = [], 0
        if its > most:
            yield list(cut(record, most))
            continue
        piece += record
        size += its
    if piece:
        yield [piece]


def _add_undeliverable(bulks: list[Bulk], documents: Documents) -> None:
    """Put each where the other documents of its record are; those that are alone are in a parcel of their own."""
    letters: dict[int, list[Letter]] = {}
    for refused in documents.undeliverable:
        answer = ItemAnswer(0, "undeliverable", refused.reason)
        letters.setdefault(refused.document.item, []).append(Letter(refused.document, answer, DropReason.UNSUPPORTED))
    for bulk in bulks:
        for item in dict.fromkeys(map(_item, list(bulk.documents))):
            bulk.letters += letters.pop(item, ())
    if letters:
        bulks.append(Bulk(letters=[letter for some in letters.values() for letter in some]))
    for bulk in bulks:
        bulk.why.update(letter.why for letter in bulk.letters)
