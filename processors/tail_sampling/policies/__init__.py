"""The policies, each of which votes on whole traces."""
