"""The migrations in order, with the sentence each is announced by. A new one is added here."""

STEPS = {
    "2026112401": "Create user, user_session and audit_event.",
    "2026112402": "Add one_time_link: set-up, reset and invitation links.",
    "2026112403": (
        "Add profile, picture, legacy_profile and imported_row; "
        "sessions that hold a cookie and a token."
    ),
    "2026112404": "Add section and membership; post_group, moderator, channel and post.",
    "2026112405": "Add audit_head; digests, seals and indexes of audit events.",
    "2026112406": "Chain and seal the audit events that are there.",
    "2026112407": "Let nobody change or delete audit events.",
    "2026112701": "Add second_factor and recovery_code: a code besides the password.",
}
REVISIONS = tuple(STEPS)
LINES = [f"{revision}: {sentence}" for revision, sentence in STEPS.items()]
