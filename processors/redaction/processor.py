"""What redaction does with a batch, and how it fails: never with the data."""

from __future__ import annotations

import traceback
from pathlib import Path

from collector.api import RECORD_SIGNALS, Batch, Counter, DropReason, PermanentError, ProcessorFactory, Settings
from processors.redaction.config import RedactionConfig, UnknownFields
from processors.redaction.memory import Memory
from processors.redaction.places import places
from processors.redaction.rewriting import Memories, rewrite
from processors.redaction.values import ValueMask

MIB = 1 << 20
_NAME = "pyotelcol_processor_redaction_"


class Redaction:
    """Passes on batches in which everything is masked, and no other ones."""

    def __init__(self, config: RedactionConfig, settings: Settings) -> None:
        self._settings = settings
        self._drops_unknown = config.unknown_fields is UnknownFields.DROP
        # the pipelines of one component id see the same resources, and together keep to the bound
        self._memories: Memories = settings.common.setdefault("memories", _memories(config))
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
        try:
            return self._mask(batch)
        except Exception as error:
            # messages and tracebacks of errors quote what they are about
            raise PermanentError(
                f"masking failed: {type(error).__name__} at {_place(error)}", reason=DropReason.PLUGIN_ERROR
            ) from None

    def _mask(self, batch: Batch) -> Batch | None:
        where = places(batch.signal, complete=self._drops_unknown)
        rewritten = rewrite(batch.wire, where, self._memories, None, always=self._drops_unknown)
        if rewritten is None:
            return batch
        masked = batch.replace(rewritten.wire)
        self._dropped.add(len(batch) - len(masked))
        for detector, count in rewritten.done.hits.items():
            self._count(detector).add(count)
        self._removed.add(rewritten.done.removed)
        return masked if rewritten.wire else None

    def _count(self, detector: str) -> Counter:
        if detector not in self._masked:
            self._masked[detector] = self._settings.telemetry.counter(
                f"{_NAME}masked_values", "Number of values masked, by detector.", detector=detector
            )
        return self._masked[detector]


def _memories(config: RedactionConfig) -> Memories:
    mask = ValueMask(config)
    room = config.memory_mib * MIB // 4
    return Memories(Memory(mask.texts, room), Memory(mask.pairs, 2 * room), Memory(mask.values, room))


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


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
