"""``assign`` of a rule file → entries ready to be made for users, with every mistake in them."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.expressions.compile import compiled_node
from reconciler.expressions.expression import Expression
from reconciler.expressions.nodes import Call, Node, Read, children
from reconciler.expressions.template import OPEN, Template, Tree
from reconciler.expressions.text import trimmed
from reconciler.expressions.values import Mistyped, text_of
from reconciler.model import IMPLICIT_ROLE, MARK_KEY, Json, Path, Position
from reconciler.rules.directory import By
from reconciler.rules.grant import FIELDS, METADATA, Grant, TargetOrganization, fits, is_marked
from reconciler.rules.reader import Place, Reader, expressions_in
from reconciler.suggest import suggest_existing

FOUND = ("organization", "name")


def compile_grant(entry: Mapping[str, Any], place: Place, reader: Reader) -> Grant | None:
    """Compile one entry; None after saying what is wrong with it."""
    before = len(reader.draft.problems)
    target = _target(entry["organization"], place.below("organization"), reader)
    roles, role_tree = _roles(entry.get("roles"), place.below("roles"), reader)
    spec = {name: value for name, value in entry.items() if name not in {"organization", "roles", "initial"}}
    fields, field_tree = _fields(spec, place, reader)
    for name in spec.keys() & (entry.get("initial") or {}).keys():
        if name not in METADATA:
            message = f"{name} is set permanently, so initial has no effect"
            at = place.below("initial", name).key.position
            reader.refuse("contradiction", message, "remove one of the two", at)
    initial, initial_tree = _initial(entry.get("initial") or {}, place.below("initial"), reader)
    if target is None or len(reader.draft.problems) > before:
        return None
    return Grant(
        target=target,
        position=place.position,
        roles=roles,
        role_tree=role_tree,
        fields=fields,
        field_tree=field_tree,
        initial=initial,
        initial_tree=initial_tree,
        literals=frozenset(
            [*_literals(spec, fields), *(("initial", *path) for path in _literals(entry.get("initial") or {}, initial))]
        ),
    )


def _target(value: Json, place: Place, reader: Reader) -> TargetOrganization | None:
    by: By = "slug"
    if isinstance(value, dict):
        if len(value) != 1:
            message = "an organization is named by its slug, or by {name: …} or {external_id: …}"
            reader.refuse("wrong-value", message, "keep one of the two", place.position)
            return None
        (by,) = value
        place, value = place.below(by), value[by]
    template = reader.template(value, place)
    if template is None:
        return None
    if _is(template, FOUND):
        if by == "slug":
            return TargetOrganization(by=by, position=place.position, found=True)
        message = "`organization.name` is the slug of the organization that was found"
        hint = "write organization: ${{ organization.name }}"
        reader.refuse("wrong-value", message, hint, place.position)
        return None
    text = _constant(template, place, reader)
    if text is None:
        proofs = tuple(_proofs(template))
        return TargetOrganization(by=by, position=place.position, template=template, proofs=proofs)
    return _literal(by, text, place, reader)


def _literal(by: By, text: str, place: Place, reader: Reader) -> TargetOrganization | None:
    directory = reader.draft.directory
    found = directory.find(by, text)
    if not found and text in directory.elsewhere[by]:
        return TargetOrganization(by=by, position=place.position)
    if len(found) == 1 and directory.declared[found[0]].ensure != "absent":
        return TargetOrganization(by=by, position=place.position, slug=found[0])
    if not found:
        what = {"slug": "", "name": " named", "external_id": " with the external id"}[by]
        message = f"there is no organization{what} {text}"
        hint = suggest_existing(text, directory.known(by)) or "declare it; `ensure: external` if it is not managed here"
        reader.refuse("unknown-organization", message, hint, place.position)
    elif len(found) > 1:
        message = f"{len(found)} organizations are named {text}: {', '.join(found)}"
        places = (place.position, *(directory.declared[slug].position for slug in found))
        reader.refuse("ambiguous-organization", message, "refer to it by its slug", *places)
    else:
        absent = directory.declared[found[0]]
        message = f"the organization {found[0]} is declared absent, so nobody can belong to it"
        hint = "remove this assignment"
        reader.refuse("absent-organization", message, hint, place.position, absent.at("ensure"))
    return None


def _constant(template: Template, place: Place, reader: Reader) -> str | None:
    """Return the text of a template that depends on no user; None if it does, or is no text."""
    if any(not piece.constant for piece, _offset in expressions_in(template)):
        return None
    try:
        value = template.render({})
        return trimmed(text_of(value))
    except Mistyped as problem:
        reader.refuse("wrong-type", f"this names no organization: {problem.message}", "", place.position)
        return None


def _is(template: Template, path: Path) -> bool:
    return template.single is not None and isinstance(template.single.node, Read) and template.single.node.path == path


def _proofs(template: Template) -> Iterator[Expression]:
    """Yield the inputs of every ``slugify`` in a template."""
    for piece, _offset in expressions_in(template):
        for node in _slugified(piece.node):
            text = piece.text[slice(*node.span)]
            yield Expression(text, node, frozenset(), piece.constants, compiled_node(node))


def _slugified(node: Node) -> Iterator[Node]:
    if isinstance(node, Call) and node.function.name == "slugify":
        yield from node.arguments
    for child in children(node):
        yield from _slugified(child)


def _roles(value: Json, place: Place, reader: Reader) -> tuple[tuple[str, ...], Tree | None]:
    if value is None:
        return (), None
    tree = reader.tree(value, place, decides=True)
    if tree is None:
        return (), None
    if not _depends_on_nobody(tree, reader):
        return (), tree
    rendered = _rendered(tree, place, reader)
    if not isinstance(rendered, list) or not all(isinstance(role, str) and role for role in rendered):
        reader.refuse("wrong-type", "roles are a list of role ids", "", place.position)
        return (), None
    for index, role in enumerate(rendered):
        if role == IMPLICIT_ROLE:
            message = f"every member has {IMPLICIT_ROLE}; it can be neither given nor withdrawn"
            at = place.below(index).position
            reader.refuse("role", message, "remove it from the list", at)
    return tuple(sorted(set(rendered))), None


def _fields(spec: Mapping[str, Json], place: Place, reader: Reader) -> tuple[dict[str, Json], Tree | None]:
    """Return the fields that are the same for everybody, or a tree that makes all of them."""
    if is_marked(spec):
        _reserved(place.below("trusted_metadata", MARK_KEY), reader)
    tree = reader.tree(spec, place)
    if tree is None:
        return {}, None
    if not _depends_on_nobody(tree, reader):
        return {}, tree
    rendered = _rendered(tree, place, reader)
    fields: dict[str, Json] = rendered if isinstance(rendered, dict) else {}
    for name, value in fields.items():
        if name in FIELDS and not fits(name, value):
            message = f"{name} cannot have this value"
            reader.refuse("wrong-type", message, "", place.below(name).position)
    if is_marked(fields) and not is_marked(spec):
        _reserved(place.below("trusted_metadata"), reader)
    return fields, None


def _reserved(place: Place, reader: Reader) -> None:
    message = f"the key {MARK_KEY} in trusted_metadata is the reconciler's own mark"
    reader.refuse("reserved-key", message, "choose another key", place.position)


def _initial(initial: Mapping[str, Json], place: Place, reader: Reader) -> tuple[dict[str, Json], Tree | None]:
    roles, role_tree = _roles(initial.get("roles"), place.below("roles"), reader)
    fields, tree = _fields(initial, place, reader)
    if tree or role_tree:
        return {}, tree
    return {**fields, **({"roles": list(roles)} if "roles" in initial else {})}, None


def _depends_on_nobody(tree: Tree, reader: Reader) -> bool:
    return tree.constant or all(path[0] in reader.draft.constants for path in tree.paths)


def _rendered(tree: Tree, place: Place, reader: Reader) -> Json:
    try:
        return tree.render({})
    except Mistyped as problem:
        at: Position = place.below(*problem.path).position
        reader.refuse("wrong-type", problem.message, "", at)
        return None


def _literals(spec: Mapping[str, Json], constant: Mapping[str, Json]) -> Iterator[Path]:
    """Yield the fields and metadata keys of which the files alone say the value."""
    for name, value in spec.items():
        if name in METADATA and isinstance(value, dict):
            yield from ((name, key) for key, inner in value.items() if name in constant or not _computed(inner))
        elif name in constant or not _computed(value):
            yield (name,)


def _computed(value: Json) -> bool:
    if isinstance(value, dict | list):
        return any(map(_computed, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and OPEN in value
