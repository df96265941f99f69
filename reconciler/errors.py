"""Everything that can go wrong and reach a person, as one tree.

::

    ReconcilerError                 exit 1  something the person who ran the command can fix
    ├── InvalidInput                exit 1  manifests, rules, configuration or a command line say something impossible
    ├── Refused                     exit 1  a safety check says no before anything is written (wrong project, live, ...)
    ├── Unreadable                  exit 4  live state, users or a table could not be read completely: nothing is done
    │   └── NotOffered              exit 4  Stytch does not offer a project what was to be read
    ├── NotPrinted                  exit 1  what was to be printed did not arrive: a full disk, a closed pipe
    └── StoreFailed                 exit 1  what a credential store must do could not be done, nor made up for

    Fault                                   one HTTP exchange went wrong (``reconciler.clients`` raises these)
    ├── Rejected                            the API itself answered no, and would again: 4xx but 429
    ├── Unavailable                         nothing was done and trying again is safe: 429, refused connections, reads
    │   └── Ended                           nothing was sent, because the run ends before that could be
    └── Ambiguous                           a write got any other answer, or none: the write may have happened

A ``Fault`` never reaches a person by itself: reading turns it into ``Unreadable``, applying into a failed outcome.
"""

import traceback
from collections.abc import Iterable
from typing import Final

from reconciler.model import Problem, problem

# What code raises about values of a shape that none of ours can have; for files that anybody may have written.
ODD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def place_of(error: Exception) -> str:
    """Return what an exception is, and which line of ours raised it, without what it says: that may be anything."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.filename.rpartition('/')[2]}:{last.lineno}"


class ReconcilerError(Exception):
    """An error to show to the person who ran the command; ``problems`` lists every one found, not only the first."""

    exit_code = 1

    def __init__(self, problems: Iterable[Problem] | str, hint: str = "") -> None:
        if isinstance(problems, str):
            problems = (problem(self.code, problems, hint),)
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))

    code = "error"


class InvalidInput(ReconcilerError):
    """Files or arguments that cannot mean anything; nothing was read from Stytch and nothing written."""

    code = "invalid"


class Refused(ReconcilerError):
    """A safety check said no before the first write."""

    code = "refused"


class Unreadable(ReconcilerError):
    """Something was not read completely, so the run stops."""

    exit_code = 4
    code = "unreadable"


class NotOffered(Unreadable):
    """Stytch says that a project may not use what was to be read: a product that is not enabled for it."""


class NotPrinted(ReconcilerError):
    """What was to be printed could not be; ``closed`` tells whether somebody stopped reading, as ``head`` does."""

    code = "not-printed"

    def __init__(self, reason: str, hint: str = "", *, closed: bool = False) -> None:
        super().__init__(f"the output could not be written: {reason}", hint)
        self.reason = reason
        self.closed = closed


class StoreFailed(ReconcilerError):
    """A credential could be kept nowhere, or not be forgotten; the message never holds it."""

    code = "credential-store"


class Fault(Exception):
    """One HTTP exchange with Stytch that went wrong.

    ``status`` is the HTTP status (0 if there was none), ``error_type`` Stytch's own name for it ("" if the body had
    none) and ``request_id`` Stytch's. The message never holds a body, a secret or an address.
    """

    def __init__(self, message: str, *, status: int = 0, error_type: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.request_id = request_id


class Rejected(Fault):
    """Stytch understood and said no; the same request would be refused again."""


class Unavailable(Fault):
    """Nothing happened and it is safe to ask again, though every allowed try has been made."""


class Ended(Unavailable):
    """Nothing was sent: the run is being ended, or its time limit comes before that could be."""


class Ambiguous(Fault):
    """A write was sent and Stytch did not say what became of it: only a read can tell whether it happened."""
