"""Measurements, started by hand: what takes how long, and how much memory."""
