"""The trail of what mattered for security: written, read, checked, handed out.

`recording` adds events to the chain, `reading` lists them, `checking` finds what was done to them,
`exporting` writes them down for somebody else; `actions` says what there is to be found.
"""

from app.services.audit.recording import record

__all__ = ["record"]
