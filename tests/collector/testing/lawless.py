"""
Components that break laws, and what is said of them.
"""

import dataclasses

from pydantic import Field

from collector.api import (
    ComponentConfig,
    ExporterFactory,
    ProcessorFactory,
    span_processor,
)
from collector.testing import laws_of


@span_processor
def lawful(span):
    span["seen"] = True
    return span


def breaks(component, law):
    """
    Whether this law, and the words of its complaint.
    """
    (broken,) = [each for each in laws_of(component) if str(each) == law]
    try:
        broken.check()
    except AssertionError as complaint:
        return str(complaint)
    return None


def processor(process, **options):
    class Doing:
        def __init__(self, config, settings):
            self.settings = settings

        def process(self, batch):
            return process(batch)

    return ProcessorFactory(config=ComponentConfig, build=Doing, **options)


def exporter(export, example="endpoint: localhost:4317"):
    class Config(ComponentConfig):
        endpoint: str = Field(default="", description="Where.")

    class Doing:
        def __init__(self, config, settings):
            self.endpoint = config.endpoint

        async def export(self, batch):
            return await export(self, batch)

    return ExporterFactory(config=Config, build=Doing, example=example)


def translating(prepare, send, example="endpoint: localhost:4317"):
    class Doing:
        def __init__(self, config, settings):
            self.endpoint = config.endpoint

        async def prepare(self, batch):
            return prepare(batch)

        async def send(self, parcel):
            return await send(self, parcel)

    return dataclasses.replace(exporter(None, example), build=Doing)
