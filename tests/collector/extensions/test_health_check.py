import aiohttp
import pytest
from pydantic import ValidationError

from collector.extensions.health_check import HealthCheck, HealthCheckConfig
from collector.testing import FakeHost, settings


async def status(check, path="/"):
    (address,) = check.endpoints().values()
    async with aiohttp.ClientSession() as session, session.get(address.rstrip("/") + path) as answer:
        return answer.status


@pytest.mark.parametrize(("ready", "expected"), [(True, 200), (False, 503)])
async def test_answers_whether_the_collector_is_ready(ready, expected):
    host = FakeHost(ready=ready)
    check = HealthCheck(HealthCheckConfig(endpoint="localhost:0"), settings("health_check"), host)

    async with check.lifespan():
        found = await status(check)

    assert expected == found


async def test_answers_on_its_path_only():
    config = HealthCheckConfig(endpoint="localhost:0", path="/healthz")
    check = HealthCheck(config, settings("health_check"), FakeHost())

    async with check.lifespan():
        found = [await status(check, path) for path in ("", "/other")]

    assert [200, 404] == found


@pytest.mark.parametrize("path", ["", "healthz", "/healthz?full"])
def test_a_path_that_nobody_can_ask_for_is_refused(path):
    with pytest.raises(ValidationError, match="is not a path"):
        HealthCheckConfig(path=path)
