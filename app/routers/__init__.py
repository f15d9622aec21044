"""The ways in over HTTP. A route reads, calls one use case, and answers; it decides nothing."""
