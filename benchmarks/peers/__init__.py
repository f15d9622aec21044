"""What ours is compared with: bare routes, the naive shape, and servers of other frameworks.

Each reads where its files are from `BENCH_FOLDER`. Those with a folder of their own here run in an
environment of their own.
"""
