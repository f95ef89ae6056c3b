"""OTLP as JSON, to and from the protobuf wire format.

Both directions follow tables made of the official descriptors, so a field that OTLP adds needs no change here.  The
protobuf runtime's own JSON format is not used: OTLP writes ids in hexadecimal and enums as numbers, and it is slow.
"""

from collector.net.otlp_json.decoding import decode
from collector.net.otlp_json.encoding import encode, encode_message

__all__ = ["decode", "encode", "encode_message"]
