"""What OpenTelemetry's attributes are called in the Elastic Common Schema.

Elastic Common Schema, field reference; OpenTelemetry semantic conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.elasticsearch.json_values import dumps
from exporters.elasticsearch.mapping.field_attributes import FieldAttributes, Fields

_RESOURCE: Mapping[str, str] = {
    "service.instance.id": "service.node.name",
    "deployment.environment": "service.environment",
    "deployment.environment.name": "service.environment",
    "cloud.platform": "cloud.service.name",
    "container.image.tags": "container.image.tag",
    "host.arch": "host.architecture",
    "process.parent_pid": "process.parent.pid",
    "process.executable.name": "process.title",
    "process.executable.path": "process.executable",
    "process.command_line": "process.args",
    "process.runtime.name": "service.runtime.name",
    "process.runtime.version": "service.runtime.version",
    "os.name": "host.os.name",
    "os.type": "host.os.platform",
    "os.description": "host.os.full",
    "os.version": "host.os.version",
    "client.address": "client.ip",
    "source.address": "source.ip",
    "k8s.namespace.name": "kubernetes.namespace",
    "k8s.node.name": "kubernetes.node.name",
    "k8s.pod.name": "kubernetes.pod.name",
    "k8s.pod.uid": "kubernetes.pod.uid",
    "k8s.deployment.name": "kubernetes.deployment.name",
    "k8s.statefulset.name": "kubernetes.statefulset.name",
    "k8s.daemonset.name": "kubernetes.daemonset.name",
    "k8s.cronjob.name": "kubernetes.cronjob.name",
    "k8s.job.name": "kubernetes.job.name",
    "k8s.replicaset.name": "kubernetes.replicaset.name",
    "k8s.container.name": "kubernetes.container.name",
    "k8s.cluster.name": "orchestrator.cluster.name",
    "faas.instance": "faas.id",
    "faas.trigger": "faas.trigger.type",
}
_LOG: Mapping[str, str] = {
    "event.name": "event.action",
    "exception.message": "error.message",
    "exception.type": "error.type",
    "exception.stacktrace": "error.stacktrace",
    "exception.escaped": "event.error.exception.handled",
    "http.response.body.size": "http.response.encoded_body_size",
}
_SPAN: Mapping[str, str] = {
    "messaging.destination.name": "span.message.queue.name",
    "messaging.operation.name": "span.action",
    "db.system": "span.db.type",
    "db.namespace": "span.db.instance",
    "db.query.text": "span.db.statement",
    "http.response.body.size": "http.response.encoded_body_size",
}
_AGENT = frozenset(
    f"telemetry.{name}" for name in ("sdk.name", "sdk.language", "sdk.version", "distro.name", "distro.version")
)
_OS_BY_TYPE = {"linux": "linux", "windows": "windows", "darwin": "macos"} | dict.fromkeys(
    ("aix", "hpux", "solaris"), "unix"
)
_OS_BY_NAME = {"Android": "android", "iOS": "ios"}


def log_name(key: str) -> str:
    """Return the name of the field for an attribute of a log record or span event."""
    return _LOG.get(key, key)


def span_name(key: str) -> str:
    """Return the name of the field for an attribute of a span."""
    return _SPAN.get(key, key)


class ResourceFields:
    """Writes the attributes of resources and scopes as fields."""

    def __init__(self) -> None:
        self._resource = FieldAttributes(lambda key: _RESOURCE.get(key, key))
        self._scope = FieldAttributes(str)

    def of(self, resource: Mapping[str, Any], scope: Mapping[str, Any]) -> Fields:
        """Return the fields of a resource and a scope."""
        kept = {key: value for key, value in resource.items() if key not in _AGENT}
        if "host.name" in kept:
            kept.setdefault("host.hostname", kept["host.name"])
        fields = self._resource.fields(kept) | self._scope.fields(scope)
        if system := _operating_system(resource):
            fields["host.os.type"] = dumps(system)
        return fields | _agent(resource)


def _operating_system(resource: Mapping[str, Any]) -> str:
    by_name = _OS_BY_NAME.get(str(resource.get("os.name")), "")
    return by_name or _OS_BY_TYPE.get(str(resource.get("os.type")), "")


def _agent(resource: Mapping[str, Any]) -> Fields:
    sdk, language, distribution = (
        str(resource.get(f"telemetry.{name}") or "") for name in ("sdk.name", "sdk.language", "distro.name")
    )
    parts = [sdk or "otlp"]
    if language or distribution:
        parts.append(language or "unknown")
    if distribution:
        parts.append(distribution)
    version = resource.get("telemetry.distro.version") or resource.get("telemetry.sdk.version")
    fields = {"agent.name": dumps("/".join(parts))}
    return fields | {"agent.version": dumps(str(version))} if version else fields
