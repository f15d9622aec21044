"""Tests of what measures: it counts right and lets no wrong answer pass. Nothing is timed."""
