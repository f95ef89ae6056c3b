"""The boolean part of the OpenTelemetry Transformation Language: conditions on one record."""
