"""Measurements: what takes how long and how much memory, and what others need for the same."""
