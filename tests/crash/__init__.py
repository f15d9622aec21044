"""Servers that are killed, again and again, under load: what they said they had kept is there."""
