"""What holds for whoever holds a socket, a task or data."""

from __future__ import annotations

from contextlib import suppress

from collector.testing.laws.subject import Subject, lifespan, run


def a_lifespan_can_be_entered_again_and_leaves_no_task(subject: Subject) -> None:
    """What a restart of a pipeline does."""

    async def twice() -> None:
        component = subject.build()
        for _ in range(2):
            async with lifespan(component):
                pass

    run(twice)


def two_of_a_kind_run_side_by_side(subject: Subject) -> None:
    """`batch` and `batch/slow` in one configuration; what only one can have, such as a file, is refused in words."""

    async def both() -> None:
        async with lifespan(subject.build()):
            with suppress(OSError):
                async with lifespan(subject.build()):
                    pass

    run(both)
