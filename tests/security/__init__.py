"""Attacks, each module named after what it tries: the app must answer, and nothing may change."""
