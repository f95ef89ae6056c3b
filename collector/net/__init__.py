"""Network edges: TLS, authentication, bounded decompression, and OTLP statuses to and from errors."""
