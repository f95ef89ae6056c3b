"""From streams to parcels, and what is left of a parcel after each answer.

A request that is refused because of something in it is halved, and its halves are sent one after the other, until what
was refused stands alone: a receiver of protocol 1.0 takes all of a request or nothing, and one sample that it does not
want must not cost the others.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.errors import DropReason
from exporters.prometheus_remote_write import write_v1, write_v2
from exporters.prometheus_remote_write.answers import Verdict
from exporters.prometheus_remote_write.config import ProtobufMessage
from exporters.prometheus_remote_write.series import Exemplar, Request, Series, Stream

_WRITERS = {ProtobufMessage.V1: write_v1.requests, ProtobufMessage.V2: write_v2.requests}
MOST_HALVINGS = 128
"""How often requests of one parcel are halved at most: enough for ten refused series among four thousand."""
LEAST_HALVINGS = 12
"""How often they are halved even if that led nowhere so far: enough for one refused series among four thousand."""
_BLIND = 8
"""How many halvings one counts for if the receiver did not say that it is about series or samples."""


def lanes(streams: Iterable[Stream], number: int) -> Mapping[int, list[Stream]]:
    """Return streams by lane: one stream is always in the same, and nowhere else.

    What is called target_info has a lane beside the others.  It is what collectors that share the data of a resource
    send out of order, and no data should have to be searched for it.
    """
    by_lane: dict[int, list[Stream]] = {}
    for stream in streams:
        lane = number if _is_target_info(stream) else stream.identity % number
        by_lane.setdefault(lane, []).append(stream)
    return by_lane


def _is_target_info(stream: Stream) -> bool:
    """Go by the name, whoever made it and of whatever kind it is: the same series has to have the same lane."""
    return stream.labels.family.endswith("target_info")


def write(streams: Sequence[Stream], version: ProtobufMessage, max_bytes: int) -> Iterator[Piece]:
    """Yield streams as requests of at most `max_bytes`."""
    for request in _WRITERS[version](streams, max_bytes):
        yield Piece(version, request)


@dataclass(frozen=True, slots=True)
class Piece:
    """One request, as it is sent."""

    version: ProtobufMessage
    request: Request

    @property
    def is_one_point(self) -> bool:
        """Whether nothing can be gained by halving it: all of it has the same stream and time."""
        streams = self.request.streams
        return len(streams) == 1 and len(_times(streams[0])) < 2

    def halves(self) -> tuple[Sequence[Stream], Sequence[Stream]]:
        """Return the first and the second half of its streams; the earlier and the later half of a single one."""
        streams = self.request.streams
        if len(streams) > 1:
            middle = len(streams) // 2
            return streams[:middle], streams[middle:]
        earlier, later = _halves_in_time(streams[0])
        return [earlier], [later]


class Load:
    """What is left of a parcel, in the order in which it is sent; and what was lost of it and nobody knows yet.

    It changes with each answer, so that whatever ends an attempt, the next one goes on where that one was.
    """

    def __init__(self, piece: Piece, halvings: int = MOST_HALVINGS) -> None:
        self._pieces = deque([piece])
        self._lost: Counter[DropReason] = Counter()
        self._why = ""
        self._halvings = halvings
        self._is_touched = False
        self.is_searched = False
        """Whether something in it was refused, and halves are sent to find out what."""
        self.has_written = False
        """Whether the receiver has taken any of it."""
        self.attempts = 0
        """How many were begun."""

    @property
    def next(self) -> Piece | None:
        """What is to be sent now; None if nothing is left."""
        return self._pieces[0] if self._pieces else None

    @property
    def items(self) -> int:
        return sum(piece.request.items for piece in self._pieces)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is settled."""
        return not self._is_touched

    def written(self, verdict: Verdict) -> None:
        """The receiver has the next piece, but for what the verdict says."""
        self._pieces.popleft()
        self._is_touched = self.has_written = True
        self._lose(verdict, verdict.lost)

    def refused(self, verdict: Verdict, max_bytes: int) -> None:
        """Halve the next piece, or give it up if that leads nowhere."""
        piece = self._pieces.popleft()
        self._is_touched = True
        cost = 1 if verdict.is_about_data else _BLIND
        if piece.is_one_point or self._halvings < cost:
            self._lose(verdict, piece.request.items)
            return
        self.is_searched = True
        self._halvings -= cost
        self._put_first(half for streams in piece.halves() for half in write(streams, piece.version, max_bytes))

    def without_native(self, verdict: Verdict, max_bytes: int) -> None:
        """Give up the native histograms of the next piece; nothing has to be searched for them."""
        piece = self._pieces.popleft()
        self._is_touched = True
        kept = [stream for stream in piece.request.streams if not stream.has_native]
        self._lose(verdict, piece.request.items - sum(stream.items for stream in kept))
        self._put_first(write(kept, piece.version, max_bytes))

    def given_up(self, verdict: Verdict) -> None:
        """The receiver wants nothing of what is left."""
        self._lose(verdict, self.items)
        self._pieces.clear()

    def rewritten(self, version: ProtobufMessage, max_bytes: int) -> None:
        """Write the next piece in another version; it may become several."""
        piece = self._pieces.popleft()
        self._put_first(write(piece.request.streams, version, max_bytes))

    def report(self) -> tuple[Mapping[DropReason, int], str]:
        """Return what was lost since this was last called, and why."""
        lost, self._lost = self._lost, Counter()
        return lost, self._why

    def _lose(self, verdict: Verdict, items: int) -> None:
        if items:
            self._lost[verdict.reason] += items
            self._why = verdict.message

    def _put_first(self, pieces: Iterable[Piece]) -> None:
        self._pieces.extendleft(reversed(list(pieces)))


class Doubt:
    """How far it is looked for what a receiver does not want: less and less far as long as that finds nothing.

    A receiver that refuses everything is thereby asked a few times for each parcel, and one that refuses a little of
    much is asked until that is found.
    """

    def __init__(self) -> None:
        self.halvings = MOST_HALVINGS

    def learn(self, load: Load) -> None:
        """Take note of a load of which nothing is left."""
        if load.is_searched:
            self.halvings = MOST_HALVINGS if load.has_written else max(self.halvings // 2, LEAST_HALVINGS)


def _times(stream: Stream) -> list[int]:
    """Return the timestamps of a stream, in order."""
    return sorted({time for series in stream.series.values() for time in (*series.samples, *series.histograms)})


def _halves_in_time(stream: Stream) -> tuple[Stream, Stream]:
    """Cut a stream between two of its timestamps, each of which is a data point.

    Where two metrics became one stream there may be more data points than timestamps; they are shared out evenly.
    """
    times = _times(stream)
    middle = len(times) // 2
    last = times[middle - 1]
    earlier: dict[bytes, Series] = {}
    later: dict[bytes, Series] = {}
    for key, series in stream.series.items():
        for half, is_in in ((earlier, True), (later, False)):
            part = _part(series, last, earlier=is_in)
            if part.samples or part.histograms:
                half[key] = part
    items = stream.items * middle // len(times)
    return Stream(stream.identity, earlier, items), Stream(stream.identity, later, stream.items - items)


def _part(series: Series, last: int, *, earlier: bool) -> Series:
    part = Series(series.labels, series.metadata)
    part.samples = {time: sample for time, sample in series.samples.items() if (time <= last) is earlier}
    part.histograms = {time: each for time, each in series.histograms.items() if (time <= last) is earlier}
    part.exemplars = [each for each in series.exemplars if _is_at(each, last) is earlier]
    return part


def _is_at(exemplar: Exemplar, last: int) -> bool:
    return exemplar.timestamp <= last
