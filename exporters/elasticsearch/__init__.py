"""Write logs, spans and metrics to Elasticsearch or OpenSearch as documents."""

from exporters.elasticsearch.exporter import factory

__all__ = ["factory"]
