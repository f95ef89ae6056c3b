"""Changing attributes by a list of actions, with the keys of the OpenTelemetry Collector, on serialised KeyValues."""
