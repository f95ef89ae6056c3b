"""Masking one text: what detectors find is replaced until they find nothing more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from processors.redaction.detectors.detector import Detector, Finding
from processors.redaction.detectors.effort import Effort, ExhaustedError
from processors.redaction.detectors.scanner import Scanner
from processors.redaction.policy import TOO_MANY, WHOLE, Masked, Policy

_ROUNDS = 4
"""How often a text is looked at.  Masking can bring together what was apart, and a replacement can be a finding."""
_REMEMBERED, _SHORT = 1024, 256
"""How many masked texts are known to have nothing left, and bytes of those."""

Asked = tuple[bytes, bytes, bool]
"""A text that is to be masked, UTF-8 or bytes that may hold some; what is to be read before it, such as `ssn=`, if
nothing is found in it alone (nothing is found in that itself); whether that says something of texts that look like
nothing alone."""


class TextMask:
    """Masks texts.  What it returns it leaves as it is when it sees it again."""

    def __init__(self, policy: Policy, scanner: Scanner, effort: Effort | None = None) -> None:
        self._effort = effort or Effort()
        self._policy = policy
        self._scanner = scanner
        self._clean: set[bytes] = set()

    def __call__(self, text: bytes, before: bytes = b"", *, is_introduced: bool = False) -> Masked | None:
        """Return what becomes of a text; None if it stays as it is.  Arguments are those of `Asked`."""
        return self.many([(text, before, is_introduced)])[0]

    def many(self, asked: Sequence[Asked]) -> list[Masked | None]:
        """Return what becomes of each text; None for those that stay as they are.

        All together cost less than half of what they cost one by one.  Where they cost more than one request may,
        every text in which something may be is masked as a whole.
        """
        try:
            return self._many(asked)
        except ExhaustedError:
            return self._as_wholes(asked)

    def whole(self, texts: Sequence[bytes], before: bytes) -> Masked | None:
        """Return what becomes of each text, where that is the same for all since each is a finding as it stands.

        Returns:
            None if that is not so, or not found out in less time than `many` takes.
        """
        detector = self._scanner.whole(texts, self._effort) if self._policy.takes_all(b" ".join(texts)) else None
        masked = self._policy.wholes.get(detector.name) if detector else None
        if masked is None or masked.text in texts:
            return None
        new = before + masked.text
        if new not in self._clean:
            if self._scanner.hits([new]):
                return None
            self._note_clean([new])
        return masked

    def _many(self, asked: Sequence[Asked]) -> list[Masked | None]:
        found = self._find(asked)
        masked = [self._first(text, found.get(index, ())) for index, (text, _, _) in enumerate(asked)]
        unsure = [
            (index, whole)
            for index, new in enumerate(masked)
            if new is not None and (whole := asked[index][1] + new.text) not in self._clean
        ]
        if unsure:
            hits = {unsure[place][0] for place in self._scanner.hits([whole for _, whole in unsure])}
            for index in hits:
                masked[index] = self._further(asked[index], masked[index])
            self._note_clean([whole for index, whole in unsure if index not in hits])
        return masked

    def _note_clean(self, wholes: Sequence[bytes]) -> None:
        """Remember masked texts in which nothing is left: most are made of replacements and come again."""
        if len(self._clean) > _REMEMBERED:
            self._clean.clear()
        self._clean.update([whole for whole in wholes[:_REMEMBERED] if len(whole) <= _SHORT])

    def _as_wholes(self, asked: Sequence[Asked]) -> list[Masked | None]:
        texts = [text for text, _, _ in asked]
        hits = set(self._scanner.hits(texts))
        same = self._policy.wholes[TOO_MANY.name] if self._policy.takes_all(b" ".join(texts)) else None
        return [
            (same or self.as_secret(text, TOO_MANY)) if text and (index in hits or is_introduced) else None
            for index, (text, _, is_introduced) in enumerate(asked)
        ]

    def as_secret(self, text: bytes, detector: Detector) -> Masked | None:
        """Mask all of a text whose key says that it is a secret of this detector."""
        finding = Finding(0, len(text), detector)
        if not self._policy.takes_all(text) and (
            self._policy.allows(text) or self._is_settled(text, finding, self._policy.written(text))
        ):
            return None
        return self._without(text, [finding])

    def _find(self, asked: Sequence[Asked]) -> Mapping[int, Sequence[Finding]]:
        """Return what is found in each text by its index: alone, or else with what stands before it."""
        found = self._scanner.find_many([text for text, _, _ in asked], self._effort)
        left = [index for index, (_, before, _) in enumerate(asked) if before and index not in found]
        if not left:
            return found
        may_hit = {left[place] for place in self._scanner.hits([asked[index][0] for index in left])}
        left = [index for index in left if asked[index][2] or index in may_hit]
        introduced = self._scanner.find_many([asked[index][1] + asked[index][0] for index in left], self._effort)
        further = {
            left[place]: list(_shifted(findings, len(asked[left[place]][1]))) for place, findings in introduced.items()
        }
        return {**found, **further}

    def _first(self, text: bytes, found: Sequence[Finding]) -> Masked | None:
        if not found:
            return None
        if self._policy.takes_all(text):
            return self._without(text, found)
        findings = self._meant(text, found)
        if not findings or self._policy.allows(text):
            return None
        return self._without(text, findings)

    def _further(self, asked: Asked, masked: Masked | None) -> Masked | None:
        """Mask again what was masked, until nothing is found: it can bring together what was apart."""
        original, before, is_introduced = asked
        for _ in range(_ROUNDS - 1):
            if masked is None:
                break
            found = self._meant(masked.text, self._find([(masked.text, before, is_introduced)]).get(0, ()))
            findings = [one for one in found if not self._policy.is_done(one.detector.name)]
            new = self._without(masked.text, findings) if findings else None
            if new is None:
                return masked if masked.text != original else None
            hits, removes, drops = masked.hits + new.hits, masked.removes or new.removes, masked.drops or new.drops
            masked = Masked(new.text, hits, removes, drops)
        return masked and masked._replace(text=WHOLE)

    def _meant(self, text: bytes, found: Sequence[Finding]) -> Sequence[Finding]:
        if not found:
            return ()
        written = self._policy.written(text)
        if not written and not self._policy.spares_some:
            return found
        return [finding for finding in found if not self._is_settled(text, finding, written)]

    def _is_settled(self, text: bytes, finding: Finding, written: Sequence[tuple[int, int]]) -> bool:
        """Say whether a finding is what masking wrote, or allowed; `written` is sorted."""
        start, end, _ = finding
        place = bisect_right(written, start, key=itemgetter(0)) - 1
        if place >= 0 and end <= written[place][1]:
            return True
        return self._policy.spares(finding, text[start:end])

    def _without(self, text: bytes, findings: Sequence[Finding]) -> Masked | None:
        if len(findings) == 1:
            start, end, detector = findings[0]
            if end - start == len(text) and (masked := self._policy.wholes.get(detector.name)):
                return masked if masked.text != text else None
            action = self._policy.actions[detector.name]
            new = b"%b%b%b" % (text[:start], action.replace(text[start:end]), text[end:])
            return None if new == text else Masked(new, (detector.name,), action.removes, action.drops)
        parts, hits, at = [], [], 0
        removes = drops = False
        for start, end, detector in findings:
            action = self._policy.actions[detector.name]
            parts += [text[at:start], action.replace(text[start:end])]
            hits.append(detector.name)
            removes |= action.removes
            drops |= action.drops
            at = end
        new = b"".join([*parts, text[at:]])
        return None if new == text else Masked(new, tuple(hits), removes, drops)


def _shifted(findings: Sequence[Finding], length: int) -> Iterator[Finding]:
    """Yield what was found in a text behind so many other bytes, as offsets in the text."""
    for start, end, detector in findings:
        if start >= length:
            yield Finding(start - length, end - length, detector)
