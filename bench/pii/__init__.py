"""How well detectors of the redaction processor tell secrets from telemetry."""
