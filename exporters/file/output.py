"""A file that grows by whole records: what a full disk or a crash leaves half-written does not spoil the rest."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from collector.api import Clock
from collector.io_thread import open_to_append
from exporters.file.settings import FileConfig

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

LENGTH = 4
"""Bytes of the big-endian length before a record, where records are not lines."""
_STAMP = "%Y-%m-%dT%H-%M-%S.%f"


class OutputFile:
    """Blocks; belongs to one thread."""

    def __init__(self, config: FileConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._fd = -1
        self._size = 0
        """Bytes that are whole records."""
        self._is_regular = True
        self._is_torn = False
        self._is_dirty = False

    def open(self) -> None:
        """
        Raises:
            OSError: it cannot be opened, or some other exporter or process writes to it.
        """
        if self._config.create_directory:
            self._config.path.parent.mkdir(parents=True, exist_ok=True)
        self._use(self._opened())
        if not self._is_regular:
            return
        if not (self._config.append or self._config.rotation):
            os.ftruncate(self._fd, 0)
        self._size = os.fstat(self._fd).st_size
        if self._size:
            self._repair()

    def close(self) -> None:
        """Let go of the file; what was written is on the disk if it can be."""
        if self._fd < 0:
            return
        try:
            self.sync()
        except OSError as error:
            logger.error("%s: what was written may not survive a power failure: %s", self._config.path, error.strerror)
        finally:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def write(self, record: bytes) -> None:
        """Append one record, framed.

        Raises:
            OSError: nothing of it is in the file.
        """
        framed = record + b"\n" if self._config.has_lines else len(record).to_bytes(LENGTH, "big") + record
        self._cut_off_what_is_torn()
        if self._is_full(len(framed)):
            self._rotate()
        self._is_torn = True
        self._append(framed)
        self._is_torn = False
        self._size += len(framed)
        self._is_dirty = True

    def sync(self) -> None:
        """Force what was written onto the disk, unless told not to.

        Raises:
            OSError: it may not be there.
        """
        if self._is_dirty and self._is_regular and self._config.flush_interval:
            self._is_dirty = False
            os.fsync(self._fd)

    def _append(self, framed: bytes) -> None:
        rest = memoryview(framed)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            with suppress(OSError):  # the next write tries again
                self._cut_off_what_is_torn()
            raise

    def _cut_off_what_is_torn(self) -> None:
        if self._is_torn and self._is_regular:
            os.ftruncate(self._fd, self._size)
        self._is_torn = False

    def _opened(self) -> int:
        fd = open_to_append(self._config.path)  # what a collector writes may be personal
        try:
            _lock(fd, self._config.path)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _use(self, fd: int) -> None:
        self.close()
        self._fd = fd
        self._is_regular = stat.S_ISREG(os.fstat(fd).st_mode)
        self._is_torn = self._is_dirty = False
        self._size = 0

    def _repair(self) -> None:
        """Separate what follows from a record that a crash cut short."""
        with self._config.path.open("rb") as file:
            if not self._config.has_lines:
                whole = _whole_records(file.fileno(), self._size)
                if whole < self._size:
                    logger.warning("%s: the last record was cut short by a crash", self._config.path)
                    os.ftruncate(self._fd, whole)
                    self._size = whole
                return
            file.seek(-1, os.SEEK_END)
            ends_well = file.read(1) == b"\n"
        if not ends_well:
            logger.warning("%s: the last line was cut short by a crash", self._config.path)
            os.write(self._fd, b"\n")
            self._size += 1

    def _is_full(self, more: int) -> bool:
        rotation = self._config.rotation
        return bool(rotation and self._is_regular and self._size and self._size + more > rotation.max_megabytes << 20)

    def _rotate(self) -> None:
        """Begin a new file; on an error the one that is open stays in use."""
        backups = Backups(self._config, self._clock)
        with suppress(FileNotFoundError):  # it was moved away, by us or by somebody else
            self._config.path.rename(backups.new_path())
        self._use(self._opened())
        backups.prune()


class Backups:
    """The former files: `name-2026-11-24T13-20-43.123.suffix` beside `name.suffix`."""

    def __init__(self, config: FileConfig, clock: Clock) -> None:
        self._path = config.path
        self._rotation = config.rotation
        self._now = datetime.fromtimestamp(clock.time(), tz=UTC)

    def new_path(self) -> Path:
        """Return a name that no file has."""
        stamp = self._now
        while (path := self._named(stamp)).exists():
            stamp += timedelta(milliseconds=1)
        return path

    def prune(self) -> None:
        """Delete what is too old or too many."""
        if self._rotation is None:
            return
        newest_first = sorted(self._existing(), reverse=True)
        kept = self._rotation.max_backups or len(newest_first)
        oldest = self._now - timedelta(days=self._rotation.max_days) if self._rotation.max_days else None
        for number, (stamp, path) in enumerate(newest_first):
            if number >= kept or (oldest and stamp < oldest):
                _delete(path)

    def _named(self, stamp: datetime) -> Path:
        shown = stamp.astimezone(self._zone()).strftime(_STAMP)[:-3]
        return self._path.with_name(f"{self._path.stem}-{shown}{self._path.suffix}")

    def _existing(self) -> list[tuple[datetime, Path]]:
        name = re.compile(f"{re.escape(self._path.stem)}-(.+){re.escape(self._path.suffix)}")
        matches = [(name.fullmatch(path.name), path) for path in self._path.parent.iterdir()]
        found = [(self._stamp_of(match[1]), path) for match, path in matches if match]
        return [(stamp, path) for stamp, path in found if stamp]

    def _stamp_of(self, text: str) -> datetime | None:
        try:
            return datetime.strptime(text, _STAMP).replace(tzinfo=self._zone())
        except ValueError:
            return None

    def _zone(self) -> tzinfo | None:
        return self._now.astimezone().tzinfo if self._rotation and self._rotation.localtime else UTC


def _whole_records(fd: int, size: int) -> int:
    """Return where the last whole record of a file ends."""
    end = 0
    while len(head := os.pread(fd, LENGTH, end)) == LENGTH:
        following = end + LENGTH + int.from_bytes(head, "big")
        if following > size:
            break
        end = following
    return end


def _lock(fd: int, path: Path) -> None:
    """Keep a second writer out: two would rotate each other's file away."""
    if fcntl is None or not stat.S_ISREG(os.fstat(fd).st_mode):
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(errno.EWOULDBLOCK, "some other exporter or process writes to it", str(path)) from None
    except OSError as error:  # some file systems have no locks
        logger.debug("cannot be locked: %s", error)


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        logger.warning("%s cannot be deleted: %s", path, error.strerror)
