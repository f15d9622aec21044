"""New rows of the kinds that many people add at the same moment, without what the ORM does for one.

To it a new row is an object that it watches, puts in order with others and writes in the end. Here
it is written at once, by a statement that was put into words before.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic.fields import FieldInfo
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from app.models.columns import table_of
from app.plain_statements import PlainStatement, insert_into
from app.transactions import run

M = TypeVar("M", bound=SQLModel)


async def add_row(session: AsyncSession, *, table: type[M], **values: Any) -> M:
    """Insert a row with an `id` of its own, and return it: to be read, in no session.

    Raises:
        IntegrityError: it breaks a constraint.
    """
    row = {
        name: values[name] if name in values else make() for name, make in _defaults(table).items()
    }
    [[row_id]] = await run(session, _insert_into(table), **row)
    return cast("M", table.model_construct(id=row_id, **row))


@cache
def _insert_into(model: type[SQLModel]) -> PlainStatement:
    return insert_into(table_of(model))


@cache
def _defaults(model: type[SQLModel]) -> Mapping[str, Callable[[], Any]]:
    """Return what makes the value of each column that is not given.

    pydantic would find out each time how that is to be called.
    """
    return {name: _default(field) for name, field in model.model_fields.items() if name != "id"}


def _default(field: FieldInfo) -> Callable[[], Any]:
    if field.default_factory is not None:
        return cast("Callable[[], Any]", field.default_factory)
    return lambda: field.default
