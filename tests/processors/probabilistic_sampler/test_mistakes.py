"""
What cannot be run is said before anything starts.
"""

import pytest

from collector.errors import ConfigError
from collector.testing import make_batch, run_processor


@pytest.mark.parametrize(
    ("yaml", "why"),
    [
        ("{}", "sampling_percentage: is required"),
        ("{sampling_percentage: true}", "sampling_percentage: is a number, not true"),
        ("{sampling_percentage: 1, hash_seed: false}", "hash_seed: is a number, not false"),
        ("{sampling_percentage: 1, sampling_precision: true}", "sampling_precision: is a number, not true"),
        ("{sampling_percentage: .nan}", "sampling_percentage: must be"),
        ("{sampling_percentage: ten}", "sampling_percentage: must be"),
        ("{sampling_percentage: -1}", "sampling_percentage: must be greater than or equal to 0"),
        ("{sampling_percentage: .inf}", "sampling_percentage: must be a finite number"),
        ("{sampling_percentage: 1.0e-16}", "sampling_percentage: is too small"),
        ("{sampling_percentage: 1, mode: random}", "mode: must be 'hash_seed', 'proportional' or 'equalizing'"),
        ("{sampling_percentage: 1, hash_seed: 4294967296}", "hash_seed: must be less than 4294967296"),
        ("{sampling_percentage: 1, sampling_precision: 0}", "sampling_precision: must be greater than or equal to 1"),
        ("{sampling_percentage: 1, sampling_precision: 15}", "sampling_precision: must be less than or equal to 14"),
        ("{sampling_percentage: 1, attribute_source: span}", "attribute_source: must be 'traceID' or 'record'"),
        ("{sampling_percentage: 1, attribute_source: record}", "needs the attribute's name in from_attribute"),
        ("{sampling_percentage: 1, mode: equalizing, from_attribute: a}", "has no meaning in mode equalizing"),
    ],
)
def test_a_mistake_is_reported_at_its_place(yaml, why):
    with pytest.raises(ConfigError) as error:
        run_processor(f"probabilistic_sampler: {yaml}", make_batch())

    assert why in str(error.value)
