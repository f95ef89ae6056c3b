"""The servers that `make backends` installed, each in a process of its own, and what a test asks them."""

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.child import free_port

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".backends"
READY_WITHIN = 60.0


def http(method, url, body=None, **headers):
    """
    Return the status, the headers and the bytes of an answer; of a refusal, too.
    """
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def until(condition, seconds=READY_WITHIN, what="it"):
    """
    Ask again and again until the answer is true, and return it.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} was not so within {seconds} s; at last it was {answer!r}"
        threading.Event().wait(0.05)
    return answer


class Server:
    """
    Has a folder and ports that stay the same when it is started again.
    """

    name: str  # its folder in .backends
    program: str  # and what is started, within that
    ready = "/"

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self._log = self.folder / "log"
        self._process = None
        self.start()

    @property
    def log(self):
        return self._log.read_text(errors="replace")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        raise NotImplementedError

    def start(self):
        """
        Returns when the server answers; fails the test, or skips it on a machine that may lack the servers.
        """
        installed = INSTALLED / self.name
        if not (installed / "stamp").exists():
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {self.name}: run `make backends` to have it")
        with self._log.open("ab") as log:
            command = [str(installed / self.program), *map(str, self.command())]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True)
        until(self._is_ready, what=f"that {self.name} is ready")

    def _is_ready(self):
        assert self._process.poll() is None, f"{self.name} ended with {self._process.returncode}:\n{self.log}"
        try:
            return http("GET", self.url + self.ready)[0] == 200
        except OSError:
            return False

    def stop(self, number=signal.SIGTERM):
        """
        End the process, and those that it started.
        """
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise

    def kill(self):
        """
        As a crash would end it.
        """
        self.stop(signal.SIGKILL)

    def get(self, path, **query):
        """
        Return the JSON of a page.
        """
        page = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        status, _, body = http("GET", page)
        assert status == 200, f"{page} answers {status}: {body.decode()}"
        return json.loads(body)


class PromqlServer(Server):
    """
    One that takes remote write and answers PromQL.
    """

    ready = "/-/ready"

    def write(self, snappy_block):
        """
        Post a remote-write 1.0 body, and return the status and what was said.
        """
        status, _, said = http(
            "POST",
            f"{self.url}/api/v1/write",
            snappy_block,
            Content_Encoding="snappy",
            Content_Type="application/x-protobuf",
            X_Prometheus_Remote_Write_Version="0.1.0",
            User_Agent="test",
        )
        return status, said.decode()

    def query(self, promql, at):
        """
        Return [(labels, value)] at a time in Unix seconds.
        """
        answer = self.get("/api/v1/query", query=promql, time=at)
        assert "success" == answer["status"], answer
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def samples(self, selector, at, within="1h"):
        """
        Return [(labels, [(time, value)])] as they are stored.
        """
        answer = self.get("/api/v1/query", query=f"{selector}[{within}]", time=at)
        return [
            (series["metric"], [(stamp, float(value)) for stamp, value in series["values"]])
            for series in answer["data"]["result"]
        ]


class Prometheus(PromqlServer):
    name = "prometheus"
    program = "usr/bin/prometheus"

    def command(self):
        config = self.folder / "prometheus.yml"
        config.write_text("scrape_configs: []\n")
        yield f"--config.file={config}"
        yield f"--storage.tsdb.path={self.folder / 'data'}"
        yield f"--web.listen-address=127.0.0.1:{self.port}"
        yield "--web.enable-remote-write-receiver"
        yield "--enable-feature=exemplar-storage,native-histograms"

    def exemplars(self, selector, start, end):
        return self.get("/api/v1/query_exemplars", query=selector, start=start, end=end)["data"]


class VictoriaMetrics(PromqlServer):
    name = "victoria-metrics"
    program = "usr/bin/victoria-metrics"
    ready = "/health"

    def command(self):
        yield f"-storageDataPath={self.folder / 'data'}"
        yield f"-httpListenAddr=127.0.0.1:{self.port}"
        yield "-retentionPeriod=100y"
        yield "-search.latencyOffset=0s"
        yield "-memory.allowedBytes=256MB"

    def query(self, promql, at):
        """
        Of all that was written; by itself the server shows it after some seconds.
        """
        http("GET", f"{self.url}/internal/force_flush")
        return super().query(promql, at)


class RemoteWrite2(Server):
    """
    Prometheus's own handler of remote write 2.0 before its storage: `backends/receiver`.
    """

    name = "receiver"
    program = "receiver"
    ready = "/requests"
    messages = ("io.prometheus.write.v2.Request", "prometheus.WriteRequest")

    def command(self):
        yield from (f"127.0.0.1:{self.port}", self.folder / "data", *self.messages)

    def series(self, **labels):
        """
        Return what is stored of series with these labels, in the order of all labels.  Times are in milliseconds, and
        floats are their bits in hexadecimal.
        """
        matchers = ", ".join(f"{json.dumps(name)}={json.dumps(value)}" for name, value in labels.items())
        return self.get("/series", match=f"{{{matchers}}}")

    def requests(self):
        """
        Return how each request was answered since the server was started.
        """
        return self.get("/requests")


class BulkServer(Server):
    """
    One that takes the bulk requests of Elasticsearch.
    """

    def call(self, method, path, body=None):
        """
        Return the status and the JSON of an answer.  `body` may be an object, or the lines of a bulk request.
        """
        lines = body if isinstance(body, list) else [body]
        sent = None if body is None else "".join(json.dumps(line) + "\n" for line in lines).encode()
        kind = "application/x-ndjson" if isinstance(body, list) else "application/json"
        status, _, answer = http(method, f"{self.url}{path}", sent, Content_Type=kind)
        return status, json.loads(answer)

    def bulk(self, *lines):
        """
        Return the action, the status and the type of the error of each item.
        """
        status, answer = self.call("POST", "/_bulk", list(lines))
        assert 200 == status, answer
        outcomes = [next(iter(item.items())) for item in answer["items"]]
        return [(action, said["status"], said.get("error", {}).get("type")) for action, said in outcomes]

    def search(self, index, **term):
        """
        Return the documents of an index with a value in a field, or all (at most 10 000).
        """
        query = {"term": term} if term else {"match_all": {}}
        self.call("POST", f"/{index}/_refresh")
        status, answer = self.call("POST", f"/{index}/_search", {"query": query, "size": 10_000})
        return [hit["_source"] for hit in answer["hits"]["hits"]] if status == 200 else []

    def count(self, index):
        self.call("POST", f"/{index}/_refresh")
        status, answer = self.call("POST", f"/{index}/_count", {"query": {"match_all": {}}})
        return answer["count"] if status == 200 else 0


class OpenSearch(BulkServer):
    name = "opensearch"
    program = "java"
    ready = "/_cluster/health"

    def command(self):
        installed = INSTALLED / self.name
        # what makes a server fast in the long run makes one that lives for a minute slow to start
        yield from ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        yield f"-Dlog4j.configurationFile={ROOT / 'backends' / 'opensearch' / 'log4j2.properties'}"
        yield from ("-cp", f"{installed / 'classes'}:{installed / 'lib'}/*", "Server")
        yield from (self.folder, self.port, free_port())


class Noida(BulkServer):
    name = "noida"
    program = "bin/noida-db"

    def command(self):
        yield from ("start", "--only", "elasticsearch", "--data-dir", self.folder / "data")
        yield from ("--elasticsearch-port", self.port)


class Jaeger(Server):
    """
    The stand-in: `backends/jaeger/collector.py`.
    """

    name = "jaeger"
    program = "bin/python"
    ready = "/received"

    def __init__(self, folder):
        self.grpc = free_port()
        super().__init__(folder)

    def command(self):
        yield from (ROOT / "backends" / "jaeger" / "collector.py", self.grpc, self.port)

    def received(self, **fields):
        """
        Return the spans that have these values, in the order of arrival.
        """
        return [span for span in self.get("/received") if fields.items() <= span.items()]
