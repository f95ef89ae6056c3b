"""The component that a law is about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from collector.api import BufferingProcessorFactory, HasLifespan
from collector.batch import Signal
from collector.delivery.settings import DeliveryConfig
from collector.mistakes import validate
from collector.registry import Kind, factory_of
from collector.testing.clock import FakeClock
from collector.testing.fakes import FakeHost, FakeIntake, Sink, settings
from collector.yaml_tree import Node, load

PATIENCE = 30.0
"""Seconds after which something that should have happened is not going to."""


@dataclass(frozen=True)
class Subject:
    """One kind of component, with an example of its settings."""

    kind: Kind
    factory: Any
    example: str

    @classmethod
    def of(cls, component: object, example: str | None = None) -> Subject:
        """Return the subject for a factory or a decorated function.

        Raises:
            TypeError: it is neither.
        """
        for kind in Kind:
            factory = factory_of(kind, component)
            if factory is not None:
                return cls(kind, factory, factory.example if example is None else example)
        raise TypeError(f"a {type(component).__name__} is not a component: give its factory, or the decorated function")

    @property
    def signals(self) -> list[Signal]:
        """The signals it takes; none for an extension."""
        return [signal for signal in Signal if signal in getattr(self.factory, "signals", ())]

    def settings_node(self, example: str | None = None) -> Node:
        """Return the example as YAML, without what belongs to the engine."""
        node = load(self.example if example is None else example, "example")
        body = node.value if isinstance(node.value, dict) else {}
        if self.kind is Kind.EXPORTER:
            body = {key: value for key, value in body.items() if key not in DeliveryConfig.model_fields}
        return Node(body, node.where)

    def config(self, node: Node | None = None) -> BaseModel:
        """Return the checked settings.

        Raises:
            ConfigError: they are wrong.
        """
        node = node or self.settings_node()
        model: type[BaseModel] = self.factory.config
        return validate(model, node, node, ())

    def build(self, node: Node | None = None, next_: object = None) -> Any:
        """Build one component among fakes, before `next_` if that is given and it has a next one."""
        arguments: list[object] = [self.config(node), settings("subject", FakeClock())]
        match self.kind:
            case Kind.RECEIVER:
                arguments.append(FakeIntake(self.factory.signals))
            case Kind.EXTENSION:
                arguments.append(FakeHost())
            case Kind.CONNECTOR:
                arguments.append(next_ or {made: Sink() for made in self.factory.signals[self.signals[0]]})
            case Kind.PROCESSOR if isinstance(self.factory, BufferingProcessorFactory):
                arguments.append(Sink())
        return self.factory.build(*arguments)


def lifespan(component: object) -> AbstractAsyncContextManager[None]:
    """Return the component's own, or one that does nothing."""
    return component.lifespan() if isinstance(component, HasLifespan) else nullcontext()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario in an event loop of its own.

    Raises:
        AssertionError: it takes for ever, or leaves a task running.
    """

    async def watched() -> None:
        before = asyncio.all_tasks()
        try:
            async with asyncio.timeout(PATIENCE):
                await scenario()
        except TimeoutError:
            raise AssertionError(f"nothing happened for {PATIENCE} s") from None
        left = asyncio.all_tasks() - before
        require(not left, f"left running: {left}")

    asyncio.run(watched())


def require(condition: object, otherwise: str) -> None:
    """Raise.

    Raises:
        AssertionError: the condition does not hold.
    """
    if not condition:
        raise AssertionError(otherwise)
