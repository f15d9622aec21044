"""Forms of the pages: read within bounds, checked against a wire model, shown again with messages.

What a person typed is kept, passwords excepted; every message stands beside its field, under the
name the field has in the form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Self, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from app.error_handlers import describe
from app.errors import AppError, FieldError

MAX_FIELDS = 30
MAX_FIELD_BYTES = 16 * 1024

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in a form: values by field, messages by field, "" for the form as a whole."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Return what was typed in a field; nothing for a password."""
        return "" if "password" in name else self.values.get(name, "")

    def check(self, model: type[M], **names: str) -> tuple[M | None, Self]:
        """Validate against a wire model; return it, or None and this form with messages.

        `names` maps the model's fields to the form's where they differ. Fields that the form does
        not have stay unset; an empty one counts as left out.
        """
        sent = {
            name: self.values[names.get(name, name)]
            for name in model.model_fields
            if self.values.get(names.get(name, name), "") != ""
        }
        try:
            return model.model_validate(sent), self
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            return None, self.with_fields(tuple(describe(item) for item in found), **names)

    def with_fields(self, fields: tuple[FieldError, ...], **names: str) -> Self:
        """Return this form with messages for refused fields."""
        errors: dict[str, str] = {}
        for refused in fields:
            name = refused.pointer.strip("/").partition("/")[0]
            errors.setdefault(names.get(name, name), refused.message)
        return replace(self, errors=errors)

    def refused(self, error: AppError, **names: str) -> Self:
        """Return this form with what a use case had to say against it."""
        if error.fields:
            return self.with_fields(error.fields, **names)
        return replace(self, errors={"": f"{error.detail} {error.advice}"})


async def _read(request: Request) -> Form:
    found = await request.form(max_fields=MAX_FIELDS, max_files=0, max_part_size=MAX_FIELD_BYTES)
    return Form({name: value for name, value in found.items() if isinstance(value, str)})


FormDep = Annotated[Form, Depends(_read)]


def local_path(target: str) -> str:
    r"""Return a path of this site to go on to; the home page for anything else.

    Browsers read `//host`, `/\host` and addresses with a tab inside as another site.
    """
    is_local = target.startswith("/") and not target.startswith(("//", "/\\"))
    if not is_local or "\\" in target or not target.isascii() or not target.isprintable():
        return "/"
    return target
