"""Warnings for credentials that exist only in an emergency file, until the credential store takes them."""

from reconciler.credentials.store import NOW_IN, Store
from reconciler.model import Kept, Outcome, Problem, problem


def settled(store: Store) -> tuple[tuple[Kept, ...], tuple[Outcome, ...]]:
    """Hand what waits in emergency files to the store: what it took, and a failed outcome for each it refuses again."""
    taken = tuple(Kept(address=f"credential/{name}", name=name, place=store.place(name)) for name in store.settle())
    return taken, tuple(
        Outcome(
            address=f"credential/{name}",
            action="update",
            result="failed",
            detail=f"the credential store refused it again ({store.refusal(name)}){NOW_IN}{path}",
        )
        for name, path in sorted(store.waiting().items())
    )


def waiting_warnings(store: Store) -> tuple[Problem, ...]:
    """Yield a warning for each."""
    return tuple(
        problem(
            "emergency-file",
            f"the credential {name} is only in {path}, because the credential store refused it",
            "fix the credential store and apply again to move the credential there; keep the file until then",
            severity="warning",
        )
        for name, path in sorted(store.waiting().items())
    )
