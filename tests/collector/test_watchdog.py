import asyncio
import threading

from collector.watchdog import Watchdog


def a_plugin_that_blocks(told):
    """
    Returns when the log has it.
    """
    assert told.wait(10)


async def test_what_holds_up_the_loop_is_named_once_and_that_it_goes_on(caplog):
    told, goes_on = threading.Event(), threading.Event()

    class Noting:
        def filter(self, record):
            (told if "held up" in record.msg else goes_on).set()
            return True

    noting = Noting()
    caplog.handler.addFilter(noting)
    try:
        with Watchdog(interval=0.01, patience=3).watching():
            await asyncio.sleep(0)
            a_plugin_that_blocks(told)
            await asyncio.to_thread(goes_on.wait, 10)
    finally:
        caplog.handler.removeFilter(noting)

    held_up, on = caplog.messages
    assert held_up.startswith("the event loop is held up for 0.03 s already, and with it everything, in threading.py:")
    assert "(a_plugin_that_blocks), test_watchdog.py:" in held_up
    assert on.startswith("the event loop goes on, after 0.0")


async def test_a_loop_that_turns_is_left_alone(caplog):
    with Watchdog(interval=0.001, patience=1000).watching():
        await asyncio.to_thread(threading.Event().wait, 0.05)

    assert [] == caplog.messages
