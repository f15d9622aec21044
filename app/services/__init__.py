"""The use cases: modules of functions that the JSON API, the pages and the commands share.

A function takes a session and an actor, everything else by name; it never commits, never sees a
request, and raises an `AppError` for every refusal.
"""
