"""Tests against a real uvicorn on a real socket."""
