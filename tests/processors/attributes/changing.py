"""
The processor as tests use it.
"""

import hashlib

from collector.testing import make_spans, run_processor, settings
from processors.attributes import AttributesConfig, factory


def changed(attributes, *actions, metadata=None, **rest):
    """
    The attributes of one span that had these.
    """
    batch = make_spans({"attributes": attributes})
    batch.metadata = metadata or {}
    return dict(one(processor(actions=actions, **rest).process(batch)))


def processor(id_="attributes", **config):
    return factory.build(AttributesConfig.model_validate(config), settings(id_))


def one(batch):
    (record,) = run_processor("{}", batch).records
    return record


def sha(data):
    return hashlib.sha256(data).hexdigest()
