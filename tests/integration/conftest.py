import pytest

from tests.end_to_end.conftest import start  # noqa: F401 (a fixture)
from tests.integration.servers import Jaeger, Noida, OpenSearch, Prometheus, Server, VictoriaMetrics


def _serve(server):
    """
    A fixture of a server for all tests, so each test uses names of its own.
    """

    @pytest.fixture(scope="session")
    def serve(tmp_path_factory):
        running = server(tmp_path_factory.mktemp(server.name))
        yield running
        running.stop()

    return serve


prometheus = _serve(Prometheus)
victoria_metrics = _serve(VictoriaMetrics)
opensearch = _serve(OpenSearch)
noida = _serve(Noida)
jaeger = _serve(Jaeger)


@pytest.fixture
def serve(tmp_path_factory):
    """
    Starts a server for one test, which may end it and start it again.
    """
    running = []

    def start_one(server):
        running.append(server(tmp_path_factory.mktemp(server.name)))
        return running[-1]

    yield start_one
    for server in running:
        server.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Server):
                report.sections.append((f"end of the log of {name}", value.log[-5000:]))
    return report
