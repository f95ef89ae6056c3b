"""The detectors that come with the collector, by the names that configurations use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from processors.redaction.detectors.contacts import email
from processors.redaction.detectors.detector import Detector

BUILT_IN: Mapping[str, Callable[..., Detector]] = {"email": email}
"""In the order in which they are asked; of two that find the same, the first names it."""


def builtin(name: str, **options: Any) -> Detector:
    """Return the detector of that name.

    Raises:
        ValueError: there is none, or it does not take these options.
    """
    if name not in BUILT_IN:
        raise ValueError(f"no detector is called {name!r}: there are {', '.join(BUILT_IN)}")
    try:
        return BUILT_IN[name](**options)
    except TypeError as error:
        raise ValueError(f"the detector {name} does not take {', '.join(options)}") from error
