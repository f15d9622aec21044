"""The way to the cache: what comes of one that hangs, dies, forgets, or was never one."""
