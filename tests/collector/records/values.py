"""
Values that attributes can have.
"""

from hypothesis import strategies as st

KEYS = st.text(max_size=8)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(max_size=8),
    st.binary(max_size=8),
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=6)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)


def identical(left, right):
    """
    Equal, and of the same types all the way down: 1, 1.0 and True are three values.
    """
    return repr(left) == repr(right)
