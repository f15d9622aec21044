"""Tests mirror `app/`; `server/` starts real processes, `browser/` drives a real Chromium."""
