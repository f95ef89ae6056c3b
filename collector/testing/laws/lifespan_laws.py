"""What holds for whoever holds a socket, a task or data."""

from __future__ import annotations

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
    """`batch` and `batch/slow` in one configuration."""

    async def both() -> None:
        async with lifespan(subject.build()), lifespan(subject.build()):
            pass

    run(both)
