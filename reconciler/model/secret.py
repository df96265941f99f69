"""A secret as a value that can be passed on and compared; its text is shown only on request."""

from collections.abc import Callable
from typing import Final, final

RANDOM_BYTES: Final = 36  # 288 bits, which are 48 characters


class Revealed(str):
    """A secret on its way to where it is sent: a text like any other, but that whatever holds it does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@final
class Sealed:
    """A secret text; only ``reveal`` gives it, whatever prints, formats, encodes or pickles the value does not."""

    __slots__ = ("_opened",)

    def __init__(self, text: str) -> None:
        revealed = Revealed(text)
        # Whatever lists attributes finds a function, which nobody can pickle.
        self._opened: Final[Callable[[], Revealed]] = lambda: revealed

    def reveal(self) -> Revealed:
        """Return the secret itself: to whom it is sent, or to the store that keeps it."""
        return self._opened()

    @property
    def last_four(self) -> str:
        """The part of a secret that Stytch always shows, to tell two apart."""
        return str(self.reveal()[-4:])

    def __eq__(self, other: object) -> bool:
        """Compare in a time that tells nothing of where two secrets differ."""
        if not isinstance(other, Sealed):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(_encoded(self), _encoded(other))

    # A hash would be a way to try out guesses, and nothing needs one.
    __hash__ = None  # type: ignore[assignment]  # says that there is none

    def __repr__(self) -> str:
        return "Sealed(***)"


def generate() -> Sealed:
    """Make a secret that nobody can guess, of characters that need no quotes in a URL, a shell or a dotenv file."""
    from secrets import token_urlsafe

    return Sealed(token_urlsafe(RANDOM_BYTES))


def _encoded(value: Sealed) -> bytes:
    return value.reveal().encode("utf-8", "surrogatepass")
