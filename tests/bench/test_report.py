import json

import pytest

from bench.figures import Figure, Target, in_microseconds
from bench.report import Conditions, table, text, write


def figure(ours=300_000.0, ratio=None, target=None, *, on_ratio=False):
    return Figure("grpc", "traces", "items/CPU-s", ours, (ours, ours), ratio=ratio, target=target, on_ratio=on_ratio)


@pytest.mark.parametrize(
    ("verdict", "its"),
    [
        ("PASS", figure(ratio=3.0, target=Target(at_least=3.0), on_ratio=True)),
        ("MISS", figure(ratio=2.9, target=Target(at_least=3.0), on_ratio=True)),
        ("not measured", figure(target=Target(at_least=3.0), on_ratio=True)),
        ("PASS", figure(ours=69.9, target=Target(below=70))),
        ("MISS", figure(ours=70, target=Target(below=70))),
        ("", figure()),
    ],
)
def test_a_verdict_compares_with_the_target(verdict, its):
    assert verdict == its.verdict


@pytest.mark.parametrize(
    ("slowness", "at_reference", "verdict"), [(2.0, 4.0, "PASS"), (1.0, 8.0, "MISS"), (None, None, "MISS")]
)
def test_a_target_in_microseconds_is_meant_for_the_machine_of_the_first_results(slowness, at_reference, verdict):
    its = in_microseconds([125_000.0], [], 5, slowness=slowness, scenario="chain", what="traces")

    assert (8.0, at_reference, verdict) == (its.ours, its.at_reference, its.verdict)


def test_a_missed_target_is_in_the_table_as_it_is():
    lines = text(table([figure(ratio=0.33, target=Target(at_least=0.5), on_ratio=True)])).splitlines()

    assert ["0.33", ">= 0.5", "MISS"] == [word.strip() for word in lines[-1].split("  ") if word.strip()][-3:]


def test_results_are_kept_for_people_and_for_machines_without_the_name_of_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "secret-host")

    path = write([figure()], Conditions(rounds=5, seconds=2, pinned=True, connections=8), tmp_path)

    kept = json.loads(path.with_suffix(".json").read_text())
    assert 300_000 == kept["figures"][0]["ours"]
    assert "300 k items/CPU-s" in path.read_text()
    assert not any(word in path.read_text() + json.dumps(kept) for word in ("secret-host", str(tmp_path)))
