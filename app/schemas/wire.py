"""What all wire models share: strict inputs, outputs from rows, a page, a problem document."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class WireModel(BaseModel):
    """Base of everything that comes in: strict types, no unknown fields, no input in errors."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class PublicModel(BaseModel):
    """Base of everything that goes out, built from rows or principals by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[T]):
    """A page of a list. `next` is the cursor of the page after this one, or null at the end."""

    items: list[T]
    next: str | None = None


class ProblemField(BaseModel):
    pointer: str = Field(description="JSON pointer (RFC 6901) to the refused field.")
    message: str
    code: str


class ProblemReason(BaseModel):
    code: str
    detail: str = Field(description="What is wrong and what to do.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemField] | None = None
    reasons: list[ProblemReason] | None = None
