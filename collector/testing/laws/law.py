"""Which laws hold for which component."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from collector.registry import Kind
from collector.testing.laws import connector_laws, exporter_laws, lifespan_laws, processor_laws, settings_laws
from collector.testing.laws.subject import Subject

Rule = Callable[[Subject], None]
"""Raises AssertionError; its name and docstring are the law."""

_EVERY: tuple[Rule, ...] = (
    settings_laws.unknown_keys_are_refused,
    settings_laws.every_setting_is_described,
    settings_laws.the_example_is_accepted,
    lifespan_laws.a_lifespan_can_be_entered_again_and_leaves_no_task,
    lifespan_laws.two_of_a_kind_run_side_by_side,
    lifespan_laws.who_listens_stops_listening,
)
_PROCESSORS: tuple[Rule, ...] = (
    processor_laws.what_is_accepted_comes_out_or_is_dropped_on_purpose,
    processor_laws.the_signal_is_preserved_and_what_comes_out_is_otlp,
    processor_laws.an_empty_batch_is_tolerated,
    processor_laws.a_batch_shared_with_another_branch_is_left_alone,
    processor_laws.fields_it_does_not_know_survive,
)
_NETWORKED: tuple[Rule, ...] = (
    exporter_laws.a_translation_accounts_for_each_item_once,
    exporter_laws.a_backend_that_is_not_there_may_be_there_later,
    exporter_laws.an_attempt_that_is_cancelled_leaves_no_open_socket,
)
_LOCAL: tuple[Rule, ...] = (
    exporter_laws.a_translation_accounts_for_each_item_once,
    exporter_laws.an_exporter_takes_every_signal_it_names,
)


@dataclass(frozen=True)
class Law:
    """One law, and the component that it is about."""

    rule: Rule
    subject: Subject

    def check(self) -> None:
        """Raise AssertionError if the component does not obey.  Runs in an event loop of its own."""
        self.rule(self.subject)

    def __str__(self) -> str:
        return self.rule.__name__


def laws_of(component: object, *, example: str | None = None) -> list[Law]:
    """Return the laws for a component.

    Args:
        component: its factory, or a function with `@span_processor` or the like.
        example: settings to run it with, instead of those of the factory.

    Raises:
        TypeError: it is neither.
    """
    subject = Subject.of(component, example)
    rules = [*_EVERY]
    match subject.kind:
        case Kind.PROCESSOR:
            rules += _PROCESSORS
        case Kind.CONNECTOR:
            rules.append(connector_laws.a_connector_makes_what_it_says)
        case Kind.EXPORTER if exporter_laws.is_networked(subject):
            rules += _NETWORKED
        case Kind.EXPORTER:
            rules += _LOCAL
    return [Law(rule, subject) for rule in rules]


def check(component: object, *, example: str | None = None) -> None:
    """Run all laws for a component; see `laws_of`.

    Raises:
        AssertionError: it does not obey.
        TypeError: it is not a component.
    """
    for law in laws_of(component, example=example):
        law.check()
