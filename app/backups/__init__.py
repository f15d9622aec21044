"""Backups of an instance: made beside a running server, checked, kept, and put back.

`archive` is the file and what may be in it; `sqlite` copies and checks a database; `making` makes
one, `schedule` has the server make them, `keeping` finds and removes those; `restoring` puts one
back, and `switching` is the moment of it, which is whole or has not been, whenever the power fails.
docs/backups.md is for whoever runs a server.
"""
