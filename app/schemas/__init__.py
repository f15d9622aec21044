"""Wire models: what enters and leaves as JSON. Inputs are strict and forbid unknown fields.

`XCreate` and `XUpdate` come in, `XPublic` goes out. No table model is ever a request or response
body. `fields.py` has the rules of single fields, the other modules the models that use them.
"""

from app.schemas.accounts import (
    CurrentSession,
    Login,
    OneTimeLinkPublic,
    PasswordChange,
    PasswordConfirmation,
    PasswordReset,
    RefreshRequest,
    SessionPublic,
    Token,
    UserAccount,
    UserAdminUpdate,
    UserCreate,
    UserPublic,
    UserUpdate,
)
from app.schemas.content import (
    PicturePublic,
)
from app.schemas.fields import (
    MAX_PASSWORD_BYTES,
    RESERVED_UIDS,
    Email,
    LoginName,
    Name,
    OneTimeToken,
    Password,
    RoleName,
    Uid,
    fold,
    storable,
)
from app.schemas.wire import (
    Page,
    Problem,
    ProblemField,
    PublicModel,
    WireModel,
)

__all__ = [
    "MAX_PASSWORD_BYTES",
    "RESERVED_UIDS",
    "CurrentSession",
    "Email",
    "Login",
    "LoginName",
    "Name",
    "OneTimeLinkPublic",
    "OneTimeToken",
    "Page",
    "Password",
    "PasswordChange",
    "PasswordConfirmation",
    "PasswordReset",
    "PicturePublic",
    "Problem",
    "ProblemField",
    "PublicModel",
    "RefreshRequest",
    "RoleName",
    "SessionPublic",
    "Token",
    "Uid",
    "UserAccount",
    "UserAdminUpdate",
    "UserCreate",
    "UserPublic",
    "UserUpdate",
    "WireModel",
    "fold",
    "storable",
]
