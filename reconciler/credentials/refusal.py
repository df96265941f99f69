"""The errors of a credential store; their texts may be shown, so they never contain a secret."""


class Refusal(Exception):
    """The store did not take a value."""


class NotUnderstood(Exception):
    """What a store wrote down is there and cannot be read, so that nobody may say that it holds nothing."""


def reason(error: Exception) -> str:
    """Return what went wrong: an ``OSError`` by the file and the system's words for it."""
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part)
    return str(error)
