"""What `portfolio doctor` looks at: the instance, or what a login from one front end will meet.

Each finding is a fact with a verdict; whatever is not well says what to do. Nothing is changed, and
no secret is shown.
"""

from app.config.databases import mask_password
from app.doctor.findings import Finding, Verdict
from app.doctor.front_end import examine_front_end
from app.doctor.instance import PACKAGES, examine, is_safe_sqlite

__all__ = [
    "PACKAGES",
    "Finding",
    "Verdict",
    "examine",
    "examine_front_end",
    "is_safe_sqlite",
    "mask_password",
]
