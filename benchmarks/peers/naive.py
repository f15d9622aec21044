"""The naive shape of ours: the same libraries, used the way most tutorials use them.

A session of the ORM for each request, the token decoded anew each time, its user loaded with
`get`, passwords hashed by passlib on the event loop, lists through the ORM and a response model.
`python -m benchmarks.peers.naive COUNT` makes the tables and fills them.
"""

import asyncio
import os
import sys
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from jose import JWTError, jwt
from pydantic import BaseModel
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks import people

with warnings.catch_warnings():
    # passlib asks argon2-cffi for its version in a way that warns.
    warnings.simplefilter("ignore", DeprecationWarning)
    from passlib.context import CryptContext
    from passlib.hash import argon2

    argon2.set_backend("argon2_cffi")

SECRET, ALGORITHM = "a secret that only this benchmark has, 32 bytes", "HS256"
engine = create_async_engine(os.environ["BENCH_DATABASE"])  # noqa: TID251  (a benchmark's own)
# The cost that ours has.
context = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19456,
    argon2__time_cost=2,
    argon2__parallelism=1,
)
app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})


class User(SQLModel, table=True):
    """An account."""

    __tablename__: ClassVar[Any] = "naive_user"

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(index=True, unique=True)
    name: str
    email: str
    role: str = "user"
    is_active: bool = True
    password_hash: str


class UserPublic(BaseModel):
    id: int
    uid: str
    name: str
    email: str
    role: str
    is_active: bool


async def get_session() -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
TokenDep = Annotated[str, Depends(OAuth2PasswordBearer("token"))]


async def get_current_user(token: TokenDep, session: SessionDep) -> User:
    try:
        claims = jwt.decode(token, SECRET, algorithms=[ALGORITHM])
    except JWTError as error:
        raise HTTPException(401) from error
    user = await session.get(User, int(claims["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


@app.post("/token")
async def log_in(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], session: SessionDep
) -> dict[str, str]:
    """Exchange a uid and a password for a token."""
    user = (await session.exec(select(User).where(User.uid == form.username))).one_or_none()
    if user is None or not context.verify(form.password, user.password_hash):
        raise HTTPException(401)
    ends = datetime.now(UTC) + timedelta(hours=1)
    token = jwt.encode({"sub": str(user.id), "exp": ends}, SECRET, algorithm=ALGORITHM)
    return {"access_token": token, "token_type": "bearer"}


@app.get("/who", response_model=UserPublic)
async def get_who(user: CurrentUser) -> User:
    """Say who is asking."""
    return user


@app.get("/users", response_model=list[UserPublic])
async def list_users(
    _user: CurrentUser, session: SessionDep, limit: int | None = None
) -> list[User]:
    """List users, all or some."""
    return list((await session.exec(select(User).order_by(User.uid).limit(limit))).all())


async def fill(count: int) -> None:
    """Make the tables and put people there."""
    hashed = context.hash(people.PASSWORD)
    rows = (
        {
            "uid": people.uid(number),
            "name": people.name(number),
            "email": people.email(number),
            "password_hash": hashed,
        }
        for number in range(1, count + 1)
    )
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.tables["naive_user"].create)
        for chunk in people.chunks(rows):
            await connection.execute(insert(User).values(role="user", is_active=True), chunk)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(fill(int(sys.argv[1])))
