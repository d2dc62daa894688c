"""What can go wrong over SFTP, sorted by what the caller does next: repeat, quarantine, or call the operator."""


class SftpError(Exception):
    """Any failure of the SFTP adapter; the message says what was tried and what the server answered."""


class Lost(SftpError):
    """The connection broke, stalled or spoke nonsense, and is closed: connect again and repeat the call."""


class HostKeyWrong(SftpError):
    """The server showed another host key than the pinned one: stop and ask the operator, never retry by itself."""


class LoginRefused(SftpError):
    """The server does not take this user and key."""


class Missing(SftpError):
    """There is no such file or folder."""


class Refused(SftpError):
    """The server answered no (rights, no space, read-only, not a plain file); the connection is still good."""

    def __init__(self, message: str, code: int = 4) -> None:
        super().__init__(message)
        self.code = code
        """The status code of the SFTP protocol, version 3 (4 = failure without a finer reason)."""


class TargetTaken(Refused):
    """A claim's target name is in use by another file, so the claim can never succeed under that name."""


class TooLarge(SftpError):
    """The file is larger than the limit, and none of it was fetched."""


class Changed(SftpError):
    """The file's size or time changed while it was fetched: it was not whole; look at it again."""


class NotStored(SftpError):
    """The file is not on the server as it was sent, whatever the server said: put it again."""
