"""
Laws every component obeys.  A new file in processors/ or exporters/ is tested here unasked.
"""

from collections import Counter

import pytest

from collector.batch import Signal
from collector.catalogue import catalogue
from collector.config import CollectorConfig
from collector.delivery.settings import DeliveryConfig
from collector.registry import Kind, builtin_types
from collector.testing import laws_of
from collector.testing.laws.settings_laws import models

ENTRIES = [entry for entry in catalogue() if entry.type in builtin_types(entry.kind)]
LAWS = [pytest.param(law, id=f"{entry.kind}/{entry.type}-{law}") for entry in ENTRIES for law in laws_of(entry.factory)]


@pytest.mark.parametrize("law", LAWS)
def test_obeys(law, tmp_path, monkeypatch):
    """
    In an empty folder, since some components write files.
    """
    monkeypatch.chdir(tmp_path)

    law.check()


def test_every_kind_of_component_is_found():
    assert set(Kind) == {entry.kind for entry in ENTRIES}


def test_every_component_has_its_own_description():
    """
    `pyotelcol components` shows it, and its page starts with it.
    """
    summaries = Counter(entry.summary for entry in ENTRIES)

    assert "" not in summaries
    assert {1} == set(summaries.values())


def test_a_former_name_means_one_component():
    names = Counter((entry.kind, name) for entry in ENTRIES for name in (entry.type, *entry.aliases))

    assert {1} == set(names.values())


def test_every_signal_has_a_way_through():
    carried = {kind: set() for kind in (Kind.RECEIVER, Kind.EXPORTER)}
    for entry in ENTRIES:
        if entry.kind in carried:
            carried[entry.kind].update(entry.signals)

    assert {Kind.RECEIVER: set(Signal), Kind.EXPORTER: set(Signal)} == carried


@pytest.mark.parametrize("config", [CollectorConfig, DeliveryConfig])
def test_the_engines_own_settings_are_described_and_refuse_typos(config):
    described = {
        f"{path}.{name}": field.description
        for path, model in models(config)
        for name, field in model.model_fields.items()
    }

    assert all(described.values())
    assert {"forbid"} == {model.model_config.get("extra") for _, model in models(config)}
