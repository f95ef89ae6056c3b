"""What a function that looks at one record at a time is given: spans, log records and metrics as plain Python.

A view decodes what is asked for, and a record that nobody changed keeps the very bytes it came with.
"""
