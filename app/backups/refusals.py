"""Why a backup is not made, not taken for one, or not put back: one sentence each."""


class BackupRefused(Exception):
    """The message is the sentence to show."""


class CannotBackUp(BackupRefused):
    """No backup was made, and nothing is left of the attempt."""


class AnotherBackup(CannotBackUp):
    """One is being made at this moment."""


class NotABackup(BackupRefused):
    """A file is no backup, or not as it was when it was made."""


class CannotRestore(BackupRefused):
    """Nothing was put back; everything is as it was before."""
