"""A command's output → its first line, without the secret that it was given and without addresses."""

from reconciler.clients.redact import fit
from reconciler.model.secret import Sealed


def first_line(said: bytes, secret: Sealed) -> str:
    """Return the first line that says anything; "" if it holds a piece of the secret, or the secret in another form."""
    lines = said.decode("utf-8", "replace").splitlines()
    return fit(next((line.strip() for line in lines if line.strip()), ""), (secret.reveal(),))
