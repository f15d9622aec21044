"""Forms of the pages: read within bounds, checked against a wire model, shown again with messages.

What a person typed is kept, passwords and codes excepted; every message stands beside its field,
under the name the field has in the form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import unquote

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from app.error_handlers import describe
from app.errors import AppError, FieldError, UnsupportedBody
from app.incoming import sends_form

MAX_FIELDS = 30
MAX_FIELD_BYTES = 16 * 1024

_EMPTY = {
    "uid": "Enter a user name.",
    "username": "Enter your user name.",
    "name": "Enter a name.",
    "password": "Enter a password.",
    "current_password": "Enter your current password.",
    "profile_password": "Enter your current password.",
    "sessions_password": "Enter your current password.",
    "new_password": "Enter a new password.",
    "picture": "Choose a picture first.",
    "code": "Enter the code that your app shows.",
}
# Printable ASCII without the backslash: browsers read `/\host`, and `/` with a tab or a line break
# after it, as the beginning of another site's address.
_PLAIN = re.compile(r"/[!-\[\]-~]*")

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in a form: values by field, messages by field, "" for the form as a whole."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Return what was typed in a field; nothing for a password or a code."""
        return "" if "password" in name or name == "code" else self.values.get(name, "")

    def check(
        self,
        model: type[M],
        *,
        given: Mapping[str, Any] | None = None,
        stored: Mapping[str, str] | None = None,
        **names: str,
    ) -> tuple[M | None, Self]:
        """Validate against a wire model; return it, or None and this form with messages.

        `names` maps the model's fields to the form's where they differ; `given` holds fields whose
        values are not text. Fields that the form does not have stay unset, and so do those that
        still say what is `stored`: what came from an old server is not judged by today's rules.
        """
        sent = {
            name: self.values[names.get(name, name)]
            for name in model.model_fields
            if names.get(name, name) in self.values
        }
        if stored is not None:
            sent = {name: text for name, text in sent.items() if text != stored.get(name)}
        try:
            return model.model_validate({**sent, **(given or {})}), self
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            return None, self.with_fields(tuple(describe(item) for item in found), **names)

    def with_fields(self, fields: tuple[FieldError, ...], **names: str) -> Self:
        """Return this form with messages for refused fields."""
        errors: dict[str, str] = {}
        for refused in fields:
            name = refused.pointer.strip("/").partition("/")[0]
            name = names.get(name, name)
            is_empty = not self.values.get(name)
            message = _EMPTY.get(name, "Fill this in.") if is_empty else refused.message
            errors.setdefault(name, message)
        # A browser sends the fields in the order of the page; the messages follow it.
        places = {name: place for place, name in enumerate(self.values)}
        ordered = sorted(errors.items(), key=lambda item: places.get(item[0], len(places)))
        return replace(self, errors=dict(ordered))

    def refused(self, error: AppError, **names: str) -> Self:
        """Return this form with what a use case had to say against it."""
        if error.fields:
            return self.with_fields(error.fields, **names)
        # A detail of its own says what to do already.
        is_plain = error.detail == f"{error.title}."
        sentence = f"{error.detail} {error.advice}" if is_plain else error.detail
        return replace(self, errors={"": sentence})


async def _read(request: Request) -> Form:
    if not sends_form(request.scope):
        raise UnsupportedBody("Send a form: application/x-www-form-urlencoded.")
    found = await request.form(max_fields=MAX_FIELDS, max_files=0, max_part_size=MAX_FIELD_BYTES)
    return Form({name: value for name, value in found.items() if isinstance(value, str)})


FormDep = Annotated[Form, Depends(_read)]


def local_path(target: str) -> str:
    """Return a path of this site to go on to, as it was given; the home page for anything else.

    The path is looked at as written and with its percent signs undone, so that no layer that
    decodes it once more finds another site behind it.
    """
    path = re.split(r"[?#]", target, maxsplit=1)[0]
    for _ in range(3):
        path = unquote(path)
    is_local = "//" not in path and "\\" not in path and path.isprintable()
    return target if is_local and _PLAIN.fullmatch(target) else "/"
