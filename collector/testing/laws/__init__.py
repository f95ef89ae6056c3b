"""Laws that every component obeys, to be run in the tests of whoever writes one.

    @pytest.mark.parametrize("law", laws_of(factory), ids=str)
    def test_obeys(law):
        law.check()

A component shows by its factory's `example` how it is configured, and is run with that.
"""

from collector.testing.laws.law import Law, check, laws_of

__all__ = ["Law", "check", "laws_of"]
