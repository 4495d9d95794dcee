"""What users see. Only this room knows rich; `streams` and `plain` do without it, to start quickly."""
