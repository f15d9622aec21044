"""Every refusal this application can give, as one tree of exceptions. Knows no framework.

A class says a fact (`UidTaken`) and carries what a client and a person need: the HTTP status,
a slug for programs, a title, and advice on what to do next. Services raise them,
`error_handlers.py` turns them into RFC 9457 problem JSON or a page.

    AppError
    ├── BadRequest 400
    │   ├── MalformedBody         the body is not what its Content-Type says
    │   └── UnknownHost           the Host header is not one of ours
    ├── Unauthenticated 401       no credentials were sent
    │   ├── PageNeedsLogin        the same, on a page: people are led to the login
    │   ├── TokenInvalid          a token was sent and does not hold
    │   │   └── CredentialsDisagree   a cookie and a bearer token of two different people
    │   ├── LoginFailed           uid and password do not match an active account
    │   ├── SecondFactorNeeded    they do, and a code is missing
    │   ├── LoginTimedOut         it came later than five minutes after the password
    │   └── RefreshTokenInvalid   unknown, expired, ended, or used before
    ├── Forbidden 403
    │   ├── AdminRequired
    │   ├── StaffRequired         neither a teacher nor an admin
    │   ├── NotYours              somebody else wrote it
    │   ├── CrossOriginRefused    a browser sent this from a page of another site
    │   ├── WrongPassword         the password given to confirm a change is not yours
    │   ├── PasswordNeeded        none was given, and the login is not fresh
    │   ├── SecondFactorRequired  this person must set one up before anything else
    │   ├── CodeRefused           the code given to confirm a change does not hold
    │   ├── SignupClosed
    │   └── InviteRequired
    ├── NotFound 404
    │   ├── UserNotFound
    │   ├── SessionNotFound
    │   ├── LinkInvalid           unknown, used or expired one-time link
    │   ├── PictureNotFound
    │   ├── SectionNotFound
    │   ├── GroupNotFound
    │   ├── ChannelNotFound
    │   └── PostNotFound
    ├── MethodNotAllowed 405
    ├── RequestTimeout 408
    ├── Conflict 409
    │   ├── UidTaken
    │   ├── LastAdmin             the last active admin cannot be removed
    │   ├── SecondFactorOn
    │   ├── SecondFactorOff
    │   ├── SectionTaken
    │   └── GroupTaken
    ├── BodyTooLarge 413
    ├── UnsupportedBody 415       not the Content-Type this address takes
    ├── Unprocessable 422
    │   ├── FieldsRefused         the payload is well formed, and these fields are not acceptable
    │   └── PictureRefused        no picture, or one too large
    ├── TooManyAttempts 429
    ├── HeadTooLarge 431
    └── Unavailable 503
        ├── TooManyConnections
        ├── HashingBusy           too many logins wait for a hash
        ├── PicturesAway          the folder or store of pictures is out of reach
        ├── PicturesBusy          too many pictures wait to be decoded
        ├── DatabaseBusy          no connection in time, or the database cannot be reached
        │   └── OutcomeUnknown    it was lost during a commit, of which nobody knows the end
        ├── NoRoomLeft 507        the disk is full, or what may be used of it
        └── NotReady              something has to be mended first; the reasons say what
"""

from app.errors.accounts import (
    AdminRequired,
    CodeRefused,
    CredentialsDisagree,
    HashingBusy,
    InviteRequired,
    LastAdmin,
    LinkInvalid,
    LoginFailed,
    LoginTimedOut,
    PageNeedsLogin,
    PasswordNeeded,
    RefreshTokenInvalid,
    SecondFactorNeeded,
    SecondFactorOff,
    SecondFactorOn,
    SecondFactorRequired,
    SessionNotFound,
    SignupClosed,
    TokenInvalid,
    UidTaken,
    UserNotFound,
    WrongPassword,
)
from app.errors.content import (
    ChannelNotFound,
    GroupNotFound,
    GroupTaken,
    NotYours,
    PictureNotFound,
    PictureRefused,
    PicturesAway,
    PicturesBusy,
    PostNotFound,
    SectionNotFound,
    SectionTaken,
    StaffRequired,
)
from app.errors.general import (
    AppError,
    BadRequest,
    BodyTooLarge,
    Conflict,
    CrossOriginRefused,
    DatabaseBusy,
    FieldError,
    FieldsRefused,
    Forbidden,
    HeadTooLarge,
    MalformedBody,
    MethodNotAllowed,
    NoRoomLeft,
    NotFound,
    NotReady,
    OutcomeUnknown,
    RequestTimeout,
    TooManyAttempts,
    TooManyConnections,
    Unauthenticated,
    Unavailable,
    UnknownHost,
    Unprocessable,
    UnsupportedBody,
)

__all__ = [
    "AdminRequired",
    "AppError",
    "BadRequest",
    "BodyTooLarge",
    "ChannelNotFound",
    "CodeRefused",
    "Conflict",
    "CredentialsDisagree",
    "CrossOriginRefused",
    "DatabaseBusy",
    "FieldError",
    "FieldsRefused",
    "Forbidden",
    "GroupNotFound",
    "GroupTaken",
    "HashingBusy",
    "HeadTooLarge",
    "InviteRequired",
    "LastAdmin",
    "LinkInvalid",
    "LoginFailed",
    "LoginTimedOut",
    "MalformedBody",
    "MethodNotAllowed",
    "NoRoomLeft",
    "NotFound",
    "NotReady",
    "NotYours",
    "OutcomeUnknown",
    "PageNeedsLogin",
    "PasswordNeeded",
    "PictureNotFound",
    "PictureRefused",
    "PicturesAway",
    "PicturesBusy",
    "PostNotFound",
    "RefreshTokenInvalid",
    "RequestTimeout",
    "SecondFactorNeeded",
    "SecondFactorOff",
    "SecondFactorOn",
    "SecondFactorRequired",
    "SectionNotFound",
    "SectionTaken",
    "SessionNotFound",
    "SignupClosed",
    "StaffRequired",
    "TokenInvalid",
    "TooManyAttempts",
    "TooManyConnections",
    "UidTaken",
    "Unauthenticated",
    "Unavailable",
    "UnknownHost",
    "Unprocessable",
    "UnsupportedBody",
    "UserNotFound",
    "WrongPassword",
    "all_kinds",
]


def all_kinds() -> list[type[AppError]]:
    """Return every kind of refusal, by status, the general ones first."""
    found: list[type[AppError]] = []
    waiting = [AppError]
    while waiting:
        kind = waiting.pop(0)
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return sorted(found, key=lambda kind: kind.status)
