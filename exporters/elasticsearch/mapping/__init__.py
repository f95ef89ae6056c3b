"""The shapes that documents have, one module each."""
