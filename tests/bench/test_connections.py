import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from aiohttp import web

from bench.load import Order, Run
from bench.payloads import bodies
from bench.sink import Arrivals, serve
from collector.batch import SHAPES, Signal

ORDER = {"protocol": "grpc", "payload": "traces", "items": 10, "seconds": 0.1, "connections": 3}


@pytest.fixture
def sink():
    arrivals = Arrivals(stamped=True)
    server, port = serve(arrivals)
    yield arrivals, port
    server.stop(grace=None).wait()


async def run(port, **order):
    return await Run(Order(**(ORDER | order), port=port)).carry_out()


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
async def test_what_the_generator_says_was_accepted_is_what_the_sink_counted(sink, signal):
    arrivals, port = sink

    outcome = await run(port, payload=signal)

    assert 0 < outcome.accepted == arrivals.report()["items"][signal]
    assert (0, 0) == (outcome.refused, outcome.unanswered)


async def test_bodies_larger_than_the_windows_of_http2_arrive_whole(sink):
    arrivals, port = sink

    outcome = await run(port, items=512)

    assert len(bodies("traces", 512)[0]) > 4 * 65_535
    assert 0 < outcome.accepted == arrivals.report()["items"]["traces"]


async def test_requests_are_paced_and_stamped_with_the_time_at_which_they_were_sent(sink):
    arrivals, port = sink

    outcome = await run(port, seconds=0.2, rate=50.0)

    ages = [age for batch in arrivals.report()["ages"] for age in batch]
    assert 10 == outcome.requests + outcome.late
    assert all(0 <= age < 5 for age in ages)


@pytest.fixture
def refusing():
    """
    A gRPC server that is always full.
    """

    def refuse(request, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "full")

    service, method = SHAPES[Signal.TRACES].rpc[1:].split("/")
    handlers = {method: grpc.unary_unary_rpc_method_handler(refuse)}
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(grace=None).wait()


async def test_a_refusal_by_grpc_status_is_not_taken_for_success(refusing):
    outcome = await run(refusing)

    assert outcome.accepted == 0 < outcome.refused


@pytest.mark.parametrize("status", [200, 503])
async def test_answers_over_http_are_told_apart_by_their_status(status):
    taken = []

    async def answer(request):
        taken.append(await request.read())
        return web.Response(status=status, body=b"some body")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        outcome = await run(runner.addresses[0][1], protocol="http")
    finally:
        await runner.cleanup()

    good, bad = (outcome.accepted, outcome.refused) if status == 200 else (outcome.refused, outcome.accepted)
    assert set(taken) <= set(bodies("traces", 10))
    assert (10 * len(taken), 0) == (good, bad)


async def test_a_server_that_closes_without_an_answer_leaves_requests_unanswered(monkeypatch):
    monkeypatch.setattr("bench.load._DEADLINE", 0.1)
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)

    async with server:
        outcome = await run(server.sockets[0].getsockname()[1], protocol="http")

    assert (0, 3) == (outcome.accepted, outcome.unanswered)
