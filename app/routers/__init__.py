"""The ways in over HTTP. A route reads, calls one use case, and answers; it decides nothing.

An account's address takes the rest of the path, for a user name from an old server may have a slash
in it: `{uid:uid}`.
"""

from starlette.convertors import PathConvertor, register_url_convertor


class _UidConvertor(PathConvertor):
    """The rest of a path. Starlette's own takes nothing as well, and nothing is no user name."""

    regex = ".+"


register_url_convertor("uid", _UidConvertor())
