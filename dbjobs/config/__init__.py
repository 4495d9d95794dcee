"""Profiles and settings: from options, environment and files to one Profile."""
