"""What redaction does with a batch, and how it fails: never with the data.

The way of a request, one module after another:

- Here: fails closed and counts.  `sifting`: leaves out records in which nothing can be.
- `rewriting`: takes all pieces of text out of a request (`places` says where they are: names, serialised attributes,
  bodies), has them judged, and puts back those that change (`few_changes`, `pruning`, `summary`).
- `memory`: which pieces were judged before.
- `values`: judges many pieces at once, to a verdict on each (`verdicts`): one search for all that may have something;
  what the keys say (`keys`, `dependence`); then `columns` of attributes that are alike, attributes with a text
  (`pairs`), and whatever is more than that (`messages`, `scalars`).
- `texts`: masks texts, as the `policy` says (`modes`, `config`), until nothing is found.
- `detectors`: what secrets look like (`catalogue`), and the `scanner` that looks for all of them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from collector.apart import Apart
from collector.api import RECORD_SIGNALS, Batch, Counter, DropReason, PermanentError, ProcessorFactory, Settings
from processors.redaction.config import RedactionConfig, UnknownFields
from processors.redaction.memory import Memory
from processors.redaction.places import places
from processors.redaction.rewriting import Memories, rewrite, rewrite_sifted
from processors.redaction.sifting import Sieve, put_back
from processors.redaction.values import ValueMask

MIB = 1 << 20
_NAME = "pyotelcol_processor_redaction_"


class _Common(NamedTuple):
    """What the instances of one component id have in common: they see the same values, and together keep to a bound."""

    mask: ValueMask
    memories: Memories
    sieve: Sieve | None


class Redaction:
    """Passes on batches in which everything is masked, and no other ones."""

    def __init__(self, config: RedactionConfig, settings: Settings) -> None:
        self._settings = settings
        self._drops_unknown = config.unknown_fields is UnknownFields.DROP
        if "redaction" not in settings.common:
            settings.common["redaction"] = _common(config)
        self._common: _Common = settings.common["redaction"]
        self._masked: dict[str, Counter] = {}
        self._removed = settings.telemetry.counter(
            f"{_NAME}removed_keys", "Number of attributes removed since their keys are not allowed."
        )
        self._dropped = settings.telemetry.counter(
            f"{_NAME}dropped_records", "Number of records dropped by detectors with the mode drop."
        )

    def process(self, batch: Batch) -> Batch | None:
        """Mask everything, or lose the batch.

        Raises:
            PermanentError: something went wrong; says where, and nothing of the data.
        """
        failure = "masking failed"
        try:
            return self._mask(batch)
        except Exception as error:
            with suppress(Exception):  # short of memory, say
                failure = _failure(error)
        # outside of the handler, so that no traceback and no context of it leads to what the error is about
        raise PermanentError(failure, reason=DropReason.PLUGIN_ERROR)

    def _mask(self, batch: Batch) -> Batch | None:
        where = places(batch.signal, complete=self._drops_unknown)
        mask, memories, sieve = self._common
        size = batch.size or len(batch.wire)
        mask.effort.begin(size)
        sifted = sieve(batch, size) if sieve else None
        if sifted is None:
            rewritten = rewrite(batch.wire, where, memories, mask.audit, always=self._drops_unknown)
        else:
            rewritten = rewrite_sifted(sifted.wire, where, memories, mask.audit)
        if rewritten is None:
            return batch
        wire, done, records = rewritten
        new: bytes | Apart = wire
        if sifted:
            few = batch.replace(wire).apart() if records is None else Apart(sifted.whole.around, records)
            new = put_back(sifted, few)
        masked = batch.replace(new) if done.drops else batch.replace(new, len(batch))
        self._dropped.add(len(batch) - len(masked))
        for detector, count in done.hits.items():
            self._count(detector).add(count)
        self._removed.add(done.removed)
        return masked if new else None

    def _count(self, detector: str) -> Counter:
        if detector not in self._masked:
            self._masked[detector] = self._settings.telemetry.counter(
                f"{_NAME}masked_values", "Number of values masked, by detector.", detector=detector
            )
        return self._masked[detector]


def _common(config: RedactionConfig) -> _Common:
    mask = ValueMask(config)
    room = config.memory_mib * MIB // 4
    memories = Memories(Memory(mask.texts, room), Memory(mask.pairs, 2 * room), Memory(mask.values, room))
    return _Common(mask, memories, Sieve(mask.suspects) if mask.may_sift else None)


def _failure(error: Exception) -> str:
    """Say what went wrong and where, without the words of the error: they quote what it is about."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    name = type(error).__name__
    if where is None:
        return f"masking failed: {name}"
    file = where.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"masking failed: {name} at {file}:{where.tb_lineno}"


factory = ProcessorFactory(
    config=RedactionConfig,
    build=Redaction,
    signals=RECORD_SIGNALS,
    example="""\
detectors:
  email: {}
  credit_card: {mode: keep_last, keep_last: 4}
  ssn: {mode: hash}
  employee_id: {regex: '\\bE-\\d{6}\\b'}
hmac_key: ${env:REDACTION_KEY:-0123456789abcdef0123456789abcdef}
""",
)
