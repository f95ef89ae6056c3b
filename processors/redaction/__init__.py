"""Masks personal data and secrets, wherever in a record they hide.

Everything is looked at that can hold text, with all detectors at once. If anything goes wrong, the data is lost and
counted: what could not be masked is never passed on.

What one request may cost is bounded, so that no sender can stall the collector. In a request with more than about
65,000 candidates for findings, or 130,000 values in maps and arrays that have to be looked at (in one of more than 4
MiB: in proportion more), every text in which something may be found becomes `***` as a whole, and so do maps and
arrays; keys of which there are more than 5,000 new ones that may say that their values are secret are taken to say
so. All of that is counted as the detector `too_many_findings`, and done whatever the detectors' modes are.
"""

from processors.redaction.processor import factory

__all__ = ["factory"]
