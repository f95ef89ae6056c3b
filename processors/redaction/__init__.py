"""Masks personal data and secrets, wherever in a record they hide.

Everything is looked at that can hold text, with all detectors at once. If anything goes wrong, the data is lost and
counted: what could not be masked is never passed on.
"""

from processors.redaction.processor import factory

__all__ = ["factory"]
