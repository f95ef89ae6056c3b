"""That the parts of the example with Docker fit together, which needs none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
PARTS = EXAMPLES / "compose"
COMPOSE = yaml.safe_load((EXAMPLES / "docker-compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def mounts():
    """
    (service, source, target) of all volumes.
    """
    return [
        (service, *volume.split(":")[:2])
        for service, described in SERVICES.items()
        for volume in described.get("volumes", [])
    ]


def mounted(target):
    (source,) = [source for _, source, place in mounts() if place == target]
    return EXAMPLES / source


def test_it_has_the_whole_set():
    assert {"collector", "jaeger", "prometheus", "elasticsearch", "kibana", "grafana"} == set(SERVICES)


def test_whatever_is_mounted_is_there():
    files = [source for _, source, _ in mounts() if source.startswith(".")]
    named = [source for _, source, _ in mounts() if not source.startswith(".")]

    assert [] == [source for source in files if not (EXAMPLES / source).is_file()]
    assert set(COMPOSE["volumes"]) == set(named)


def test_nothing_in_the_folder_is_left_over():
    build = EXAMPLES / SERVICES["collector"]["build"]["context"] / SERVICES["collector"]["build"]["dockerfile"]
    used = {EXAMPLES / source for _, source, _ in mounts() if source.startswith(".")}

    assert {*used, build.resolve(), build.resolve().with_name("Dockerfile.dockerignore")} == set(PARTS.iterdir())


def test_images_are_of_one_version_each():
    images = [service["image"] for service in SERVICES.values() if "image" in service]

    assert [] == [image for image in images if not re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image)]
    assert SERVICES["kibana"]["image"].split(":")[1] == SERVICES["elasticsearch"]["image"].split(":")[1]


def test_ports_are_open_to_this_machine_alone_since_nothing_asks_for_a_password():
    ports = [port for service in SERVICES.values() for port in service["ports"]]

    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


@pytest.mark.parametrize("name", ["collector.yaml", "prometheus.yml", "grafana-data-sources.yml"])
def test_whoever_is_addressed_is_one_of_the_services(name):
    text = (PARTS / name).read_text()
    hosts = re.findall(r"(?:https?://|endpoint: |\[\")([a-z]+):\d+", text)

    assert hosts
    assert set(hosts) <= set(SERVICES)


def test_grafana_has_all_three_as_data_sources_and_finds_its_way_from_one_to_another():
    sources = yaml.safe_load(mounted("/etc/grafana/provisioning/datasources/all.yml").read_text())["datasources"]
    links = re.findall(r"datasourceUid: (\w+)", (PARTS / "grafana-data-sources.yml").read_text())

    assert ["elasticsearch", "jaeger", "prometheus"] == sorted(source["type"] for source in sources)
    assert set(links) <= {source["uid"] for source in sources}


@pytest.mark.slow
def test_the_collector_takes_its_configuration():
    config = mounted("/etc/pyotelcol/config.yaml")

    command = [sys.executable, "-m", "collector", "validate", "--config", config]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_the_image_is_built_of_what_the_package_is_made_of():
    kept = re.findall(r"^!(\S+)$", (PARTS / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    settings = (EXAMPLES.parent / "pyproject.toml").read_text()
    packages = re.search(r"^packages = \[(.*)\]$", settings, re.MULTILINE)[1]

    needed = {"pyproject.toml", "README.md", "LICENSE", *re.findall(r'"(\w+)"', packages)}
    assert needed == set(kept)
