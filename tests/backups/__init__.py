"""Backups: the file, making, keeping and putting back."""
