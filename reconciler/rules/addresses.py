"""``x in user.emails`` compares addresses, though the list holds maps as Stytch shapes them; so do phone numbers."""

from dataclasses import replace
from typing import Final

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.expression import Expression
from reconciler.expressions.functions import TEXT, Function
from reconciler.expressions.nodes import And, Call, Compare, ListOf, Lookup, MapOf, Node, Not, Or, Path, Read
from reconciler.expressions.text import mailbox_or_text
from reconciler.rules.person import ADDRESSES, NUMBERS, Person

# What stands for each list: the root under which a scope has the plain addresses; no text of an expression names it.
_PLAIN: Final[dict[Path, str]] = {("user", "emails"): ADDRESSES, ("user", "phone_numbers"): NUMBERS}
# Not for people to call: what makes an address comparable here.
_MAILBOX: Final = Function("mailbox", mailbox_or_text, (TEXT,))


def comparing_addresses(expression: Expression) -> tuple[Expression, bool]:
    """Return the expression with such tests made comparisons of addresses, and whether there are any."""
    node = _rewritten(expression.node)
    if node == expression.node:
        return expression, False
    return Expression(expression.text, node, expression.paths, expression.constants, compiled_node(node)), True


def with_plain_addresses(scope: dict[str, object], person: Person, *, any_address: bool) -> dict[str, object]:
    """Return a scope in which such tests find what they compare with."""
    user = scope["user"]
    phones = user.get("phone_numbers") if isinstance(user, dict) else None
    entries = phones if isinstance(phones, list) else []
    return {
        **scope,
        ADDRESSES: [address.text for address in person.admissible(any_address=any_address)],
        NUMBERS: [entry.get("phone_number") for entry in entries if isinstance(entry, dict)],
    }


def _rewritten(node: Node) -> Node:
    match node:
        case Compare(operator="in", left=item, right=Read(path=path)) if path in _PLAIN:
            return replace(node, left=_spelled(_rewritten(item), path), right=_plain(node.right, path))
        case Call(function=function, arguments=(Read(path=path) as many, item)) if (
            function.name == "contains" and path in _PLAIN
        ):
            return replace(node, arguments=(_plain(many, path), _spelled(_rewritten(item), path)))
        case And(terms=terms) | Or(terms=terms):
            return replace(node, terms=tuple(map(_rewritten, terms)))
        case Not(term=term):
            return replace(node, term=_rewritten(term))
        case Compare(left=left, right=right):
            return replace(node, left=_rewritten(left), right=_rewritten(right))
        case Lookup(of=of, key=key):
            return replace(node, of=_rewritten(of), key=_rewritten(key))
        case Call(arguments=arguments):
            return replace(node, arguments=tuple(map(_rewritten, arguments)))
        case ListOf(items=items) | MapOf(items=items):
            return replace(node, items=tuple(map(_rewritten, items)))
    return node


def _plain(many: Node, path: Path) -> Node:
    return Read(span=many.span, path=(_PLAIN[path],))


def _spelled(item: Node, path: Path) -> Node:
    """Spell an address as addresses compare."""
    if _PLAIN[path] != ADDRESSES:
        return item
    return Call(span=item.span, function=_MAILBOX, arguments=(item,))
