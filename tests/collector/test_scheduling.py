import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from collector.scheduling import collect_less, prefer_throughput

has_policies = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="only Linux has this policy")


@pytest.fixture
def in_a_thread(monkeypatch):
    """
    Policies belong to threads; this one's ends with the test.
    """
    monkeypatch.setenv("GRPC_EXPERIMENTS", "")  # so that it is put back as it was
    monkeypatch.delenv("GRPC_EXPERIMENTS")
    with ThreadPoolExecutor(1) as threads:
        yield lambda work, *arguments: threads.submit(work, *arguments).result()


@has_policies
def test_threads_that_are_started_later_do_not_interrupt_each_other(in_a_thread):
    def policy_of_a_child():
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(os.sched_getscheduler, 0).result()

    in_a_thread(prefer_throughput)

    assert os.SCHED_BATCH == in_a_thread(policy_of_a_child)


@has_policies
def test_a_policy_that_the_user_chose_stays(in_a_thread):
    in_a_thread(os.sched_setscheduler, 0, os.SCHED_IDLE, os.sched_param(0))

    in_a_thread(prefer_throughput)

    assert os.SCHED_IDLE == in_a_thread(os.sched_getscheduler, 0)


def test_experiments_that_the_user_chose_stay(in_a_thread, monkeypatch):
    monkeypatch.setenv("GRPC_EXPERIMENTS", "fuse_filters")

    in_a_thread(prefer_throughput)

    assert "fuse_filters" == os.environ["GRPC_EXPERIMENTS"]


@has_policies
def test_where_it_is_forbidden_the_collector_runs_as_it_is(in_a_thread, monkeypatch):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)

    in_a_thread(prefer_throughput)

    assert os.SCHED_OTHER == in_a_thread(os.sched_getscheduler, 0)


def test_grpc_knows_the_setting():
    """
    A name that it does not know it only logs: a newer version may have dropped it, and then so should we.
    """
    program = "from collector.scheduling import prefer_throughput as p; p(); import grpc; grpc.insecure_channel('x')"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRPC_")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert "experiment" not in done.stderr


def test_a_full_collection_passes_over_what_was_there_at_the_start():
    old, thresholds = ([object() for _ in range(10)], {}), gc.get_threshold()
    try:
        collect_less()

        assert not any(each is old for each in gc.get_objects())
        assert gc.get_freeze_count() > 10_000
        assert (10_000, *thresholds[1:]) == gc.get_threshold()
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
