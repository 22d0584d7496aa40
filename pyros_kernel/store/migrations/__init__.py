"""The schema's history, one file in ``versions`` per step."""
