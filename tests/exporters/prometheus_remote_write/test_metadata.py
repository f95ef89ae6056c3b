from exporters.prometheus_remote_write.metadata import INTERVAL, MOST, MOST_KNOWN, REFRESH, Families
from exporters.prometheus_remote_write.series import Metadata

A, B = Metadata("a", 1, "help of a"), Metadata("b", 2, "help of b")


def test_what_is_new_is_told_at_once_and_only_once():
    families = Families()
    families.seen([A, B, A], 0)

    assert [[A, B]] == families.due(0)
    families.seen([A, B], INTERVAL)
    assert [] == families.due(INTERVAL)


def test_what_comes_within_a_minute_waits_for_its_end():
    families = Families()
    families.seen([A], 0)
    families.due(0)
    families.seen([B], 1)

    assert [] == families.due(INTERVAL - 1)
    assert [[B]] == families.due(INTERVAL)


def test_what_has_changed_is_told_again():
    changed = Metadata("a", 1, "another help")
    families = Families()
    families.seen([A], 0)
    families.due(0)
    families.seen([changed], 100)

    assert [[changed]] == families.due(100)


def test_what_is_in_use_for_long_is_told_again():
    families = Families()
    families.seen([A, B], 0)
    families.due(0)
    families.seen([A], REFRESH)

    assert [[A]] == families.due(REFRESH)


def test_what_could_not_be_told_is_told_with_the_next():
    families = Families()
    families.seen([A], 0)
    (told,) = families.due(0)
    families.not_told(told)

    assert [] == families.due(1)
    assert [[A]] == families.due(INTERVAL)


def test_what_could_not_be_told_does_not_come_before_something_newer():
    changed = Metadata("a", 1, "another help")
    families = Families()
    families.seen([A], 0)
    (old,) = families.due(0)
    families.seen([changed], INTERVAL)
    families.due(INTERVAL)
    families.not_told(old)

    assert [] == families.due(2 * INTERVAL)


def test_many_are_told_in_several_requests_and_not_all_are_remembered():
    families = Families()
    families.seen([Metadata(str(i)) for i in range(MOST_KNOWN + 5)], 0)
    told = families.due(0)

    assert MOST_KNOWN == sum(map(len, told))
    assert {MOST} == set(map(len, told))
