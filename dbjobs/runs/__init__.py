"""Waiting for runs: watching, reading, repairing, backfills."""
