"""``NAME=VALUE`` switches of the command line → a ``Behaviour``."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from reconciler.emulator.core.behaviour import Behaviour

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}


def parse(settings: Sequence[str]) -> Behaviour:
    """Return the behaviour with these ``NAME=VALUE`` settings over the defaults.

    Raises:
        ValueError: with every invalid setting and the valid values.
    """
    hints = get_type_hints(Behaviour)
    chosen: dict[str, Any] = {}
    problems = []
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in hints:
            problems.append(f"--behaviour {setting}: there is no switch {name!r}; use one of {', '.join(hints)}")
            continue
        try:
            chosen[name] = _value(hints[name], text.strip())
        except ValueError as error:
            problems.append(f"--behaviour {setting}: {error}")
    if problems:
        raise ValueError("\n".join(problems))
    return dataclasses.replace(Behaviour(), **chosen)


def _value(hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        for choice in get_args(hint):
            if str(choice) == text:
                return choice
        raise ValueError(f"must be one of {', '.join(map(str, get_args(hint)))}")
    if hint is bool:
        if text.lower() in TRUE | FALSE:
            return text.lower() in TRUE
        raise ValueError("must be true or false")
    if not text.isdecimal():
        raise ValueError("must be a whole number")
    return int(text)
