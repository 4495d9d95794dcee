"""Trigger Databricks job runs and watch them to the end."""

__version__ = "0.1.0"
