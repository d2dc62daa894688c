"""Bytes to form or feed record, and back: one module per file format, each with golden samples (KCSD-90)."""
