"""Inputs that nobody wrote down: what the API's own description allows, and raw bytes."""
