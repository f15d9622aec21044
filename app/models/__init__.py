"""All tables and their enums, a module for each subject; `columns.py` has what they share.

Table classes do not validate (SQLModel skips it for `table=True`): what comes from outside
passes a wire model of `schemas/` first. There are no relationships yet; when there are,
they are `lazy="raise"`, so that a forgotten eager load fails in a test and not as N+1 queries.
"""

from app.models.accounts import (
    LinkPurpose,
    OneTimeLink,
    Role,
    SessionKind,
    User,
    UserSession,
)
from app.models.audit import AuditEvent, AuditHead
from app.models.columns import new_public_id, utc_now
from app.models.content import Channel, Group, Membership, Moderator, Post, Section
from app.models.legacy import ImportedRow, LegacyProfile
from app.models.profiles import Picture, Profile
from app.models.second_factors import RecoveryCode, SecondFactor

__all__ = [
    "AuditEvent",
    "AuditHead",
    "Channel",
    "Group",
    "ImportedRow",
    "LegacyProfile",
    "LinkPurpose",
    "Membership",
    "Moderator",
    "OneTimeLink",
    "Picture",
    "Post",
    "Profile",
    "RecoveryCode",
    "Role",
    "SecondFactor",
    "Section",
    "SessionKind",
    "User",
    "UserSession",
    "new_public_id",
    "utc_now",
]
