"""Mistakes as people and machines make them: one of them, drawn by a number, in the files of a repository.

A repository is its files by their paths, as bytes. ``mutated`` changes one thing, or two, and says what, so that a
number is all that is needed to see a case again.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import yaml

Files = dict[bytes, bytes]
Place = tuple[Any, Any]  # a map or a list, and the key or index in it

EXPRESSIONS: Final = (
    "${{ user.trusted_metadata.plan }}",
    "${{ user.user_id }}",
    "${{ vars.nothing }}",
    "${{ vars }}",
    "${{ row.slug }}",
    "${{ item }}",
    "${{ null }}",
    "${{ 1 }}",
    "${{ [] }}",
    "${{ {'a': 1} }}",
    "${{ environment }}",
    "x ${{ environment }} y",
    "${{ default(lower(user.trusted_metadata), slugify(lower(user.emails))) }}",
    "${{ slugify(join(user.emails, '-')) }}",
    "${{ default(user.name.first_name, len(user.roles)) }}",
    "${{",
    "${{ }}",
    "${{ user. }}",
    "}} ${{ '${{' }}",
    "${{ " + "(" * 200 + " }}",
    "${{ " + "not " * 400 + "true }}",
    "{{ name }}",
)
SCALARS: Final = (
    *(None, True, False, 0, -1, 1, 1.5, 1e308, 2**63, "", " ", "x", "null", "true", "~", "0755", "*", "a@b", "@"),
    *(
        "Ann@Acme.example",
        "ann@bücher.example",
        "ann@xn--bcher-kva.example",
        "\u212aelvin@acme.example",
        "a@b.example ",
    ),
    *(
        "mailto:a@acme.example",
        "acme",
        "ACME",
        "acm",
        "../acme",
        "/etc/passwd",
        "a\0b",
        "\ud800",
        "\u202eacme",
        "x" * 5000,
    ),
    *(".*", "(", "(?i)a", "user.user_id", "user.emails", "trusted_metadata.email_domains", "stytch_admin", "absent"),
    *("external", "reconciler/v1", "::error::x", "##[error]x", "a\nb", "🐢", "e\u0301", "ﬁ", "acme.example", "com"),
)
NESTED: Final[tuple[Any, ...]] = (
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        {"": None},
        {"file": "manifests/acme.yaml"},
        {"file": ".git/config"},
        {"secret": "NAME"},
    ),
    *(
        {"file": "/dev/zero"},
        {"file": "nowhere"},
        {"secret": "STYTCH_SECRET"},
        {"if": "${{ true }}"},
        ["a", "a"],
        [1, "a"],
    ),
)
KEYS: Final = (
    *("if", "unless", "when", "wehn", "match", "except", "each", "table", "organization", "organization_id", "roles"),
    *(
        "role",
        "spec",
        "metadata",
        "initial",
        "lifecycle",
        "ensure",
        "name",
        "namespace",
        "environments",
        "ignore",
        "file",
    ),
    *(
        "",
        " ",
        "<<",
        "a.b",
        "${{ x }}",
        "reconciler",
        "trusted_metadata",
        "null",
        "1",
        "kind",
        "apiVersion",
        "secret",
        "é",
    ),
)
SUFFIXES: Final = (
    *(".txt", ".bak", "~", ".json", ".orig", ".disabled", ".yaml", ".YAML", ".j2", " ", ".", ".swp", ".tmp", ".d", "_"),
    *("\n", "é", "::warning::"),
)
NAMES: Final = ("members.json", "acme", "A.YAML", "b.Yml", "yaml", ".hidden.yaml", "README.yaml.txt", "deep/er/c.txt")
ENCODINGS: Final = ("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-32", "cp1252", "utf-7", "shift_jis")
PIECES: Final = (
    *(
        b"\0",
        b"\xff",
        b"\xc3",
        b"\r\n",
        b"\r",
        b"\t",
        b"\n",
        b": ",
        b"- ",
        b"{",
        b"}",
        b"[",
        b"]",
        b"'",
        b'"',
        b"#",
        b",",
    ),
    *(
        b"!!str ",
        b"!x ",
        b"<<: ",
        b"? ",
        b"|",
        b">",
        b"---\n",
        b"...\n",
        b"%YAML 1.1\n",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
    ),
    *(
        b"&a ",
        b"*a",
        b"${{",
        b"}}",
        b"null",
        b"1e999",
        b"0x" + b"f" * 30,
        b"[" * 100,
        b"\xf0\x9f\x90\xa2",
        b"\xed\xa0\x80",
    ),
    *(b"\x1b[31m", b"\x85", b"@"),
)


def mutated(files: Files, random: Random) -> tuple[Files, str]:
    """The files with something wrong in them, and what was done."""
    files = dict(files)
    said = [random.choice(MUTATIONS)(files, random) for _ in range(random.choice((1, 1, 1, 2)))]
    return files, "; ".join(said)


def _written(files: Files, random: Random) -> bytes:
    """A file that people write: mostly a document."""
    documents = sorted(path for path in files if path.endswith((b".yaml", b".yml")))
    return random.choice(documents if documents and random.random() < 0.9 else sorted(files))


def _parsed(files: Files, path: bytes) -> list[Any] | None:
    try:
        found = list(yaml.load_all(files[path], Loader=yaml.CSafeLoader))  # a safe loader, in C
        json.dumps(found)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError):
        return None
    return found


def _places(value: Any) -> Iterator[Place]:
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, child in inner:
        yield value, key
        yield from _places(child)


def _in_a_value(change: Callable[[Place, Random], str]) -> Callable[[Files, Random], str]:
    """Make a change at one place of one document; files are written as JSON lines of YAML, which they also are."""

    def apply(files: Files, random: Random) -> str:
        path = _written(files, random)
        documents = _parsed(files, path)
        places = list(_places(documents)) if documents else []
        places = [place for place in places if place[0] is not documents]
        if not places:
            return _bytes(files, random)
        said = change(random.choice(places), random)
        files[path] = "".join(f"---\n{json.dumps(each)}\n" for each in documents or ()).encode()
        return f"{path!r}: {said}"

    return apply


def _value(random: Random) -> Any:
    pool = random.choice((EXPRESSIONS, SCALARS, NESTED, EXPRESSIONS))
    value: Any = random.choice(pool)
    if random.random() < 0.1:
        for _ in range(random.choice((1, 3, 70))):
            value = [value] if random.random() < 0.5 else {random.choice(KEYS): value}
    return json.loads(json.dumps(value))


def _misspelt(key: str, random: Random) -> str:
    at = random.randrange(len(key)) if key else 0
    return random.choice(
        (
            key[:at] + key[at + 1 :],
            key[:at] + key[at : at + 1] * 2 + key[at + 1 :],
            f"{key}s",
            key.upper(),
            key.replace("_", "-"),
            f"{key} ",
            key.replace("e", "е"),  # noqa: RUF001 - Cyrillic: the case
            key[::-1],
            random.choice(KEYS),
        )
    )


def _replace(place: Place, random: Random) -> str:
    inside, key = place
    inside[key] = _value(random)
    return f"{key!r} = {inside[key]!r:.80}"


def _rename(place: Place, random: Random) -> str:
    inside, key = place
    if isinstance(inside, list):
        inside[key] = _value(random)
        return f"item {key} = {inside[key]!r:.80}"
    name = _misspelt(key, random)
    value = inside.pop(key)
    inside[name] = random.choice((value, value, _value(random)))
    return f"{key!r} → {name!r}"


def _add(place: Place, random: Random) -> str:
    inside, key = place
    if isinstance(inside, list):
        inside.insert(key, _value(random))
        return f"item {key} added"
    name = random.choice((_misspelt(str(key), random), random.choice(KEYS)))
    inside.setdefault(name, _value(random))
    return f"{name!r} added: {inside[name]!r:.80}"


def _remove(place: Place, _random: Random) -> str:
    inside, key = place
    del inside[key]
    return f"{key!r} removed"


def _repeat(place: Place, _random: Random) -> str:
    inside, key = place
    if isinstance(inside, list):
        inside.append(inside[key])
    else:
        inside[key] = [inside[key], inside[key]]
    return f"{key!r} twice"


def _transplant(place: Place, random: Random) -> str:
    """Put a value where another one of its type stands: what a person copied and did not correct."""
    inside, key = place
    others = inside.values() if isinstance(inside, dict) else inside
    alike = [*others, *(text for text in SCALARS if type(text) is type(inside[key]))]
    inside[key] = random.choice(alike)
    return f"{key!r} as {inside[key]!r:.80}"


# Of these, some are more common than others.
IN_A_VALUE: Final = (
    *(_replace, _replace, _replace, _rename, _rename, _add, _add, _add, _remove, _repeat, _transplant, _transplant),
)


def _data(files: Files, random: Random) -> str:
    """Change one value of one row or user."""
    tables = sorted(path for path in files if path.endswith((b".jsonl", b".json", b".csv")))
    if not tables:
        return _bytes(files, random)
    path = random.choice(tables)
    if path.endswith(b".json"):
        return _array(files, path, random)
    lines = files[path].decode(errors="replace").split("\n")
    at = random.randrange(len(lines))
    if path.endswith(b".csv"):
        cells = lines[at].split(",")
        cell = random.randrange(len(cells))
        cells[cell] = str(random.choice(SCALARS))
        lines[at] = ",".join(cells)
    else:
        try:
            row = json.loads(lines[at])
            inside, key = random.choice(list(_places(row)))
        except (ValueError, IndexError):
            return _bytes(files, random)
        if random.random() < 0.8:
            inside[key] = _value(random)
        else:
            del inside[key]
        lines[at] = json.dumps(row)
    files[path] = "\n".join(lines).encode(errors="surrogatepass")
    return f"{path!r}: {lines[at]!r:.200}"


def _array(files: Files, path: bytes, random: Random) -> str:
    """Change, remove or repeat one value of a JSON file."""
    try:
        rows = json.loads(files[path])
        place = random.choice(list(_places(rows)))
    except (ValueError, IndexError):
        return _bytes(files, random)
    said = random.choice(IN_A_VALUE)(place, random)
    files[path] = json.dumps(rows, indent=random.choice((None, 1))).encode() + b"\n"
    return f"{path!r}: {said}"


def _bytes(files: Files, random: Random) -> str:
    """Put some bytes in, take some out, or cut the file short."""
    path = _written(files, random)
    text = files[path]
    at = random.randrange(len(text) + 1)
    to = min(len(text), at + random.choice((0, 0, 1, 1, 5, 50)))
    piece = b"" if random.random() < 0.3 else random.choice(PIECES)
    files[path] = text[:at] + piece if random.random() < 0.15 else text[:at] + piece + text[to:]
    return f"{path!r}: {piece!r:.40} at {at} for {to - at}"


def _encoding(files: Files, random: Random) -> str:
    path, name = _written(files, random), random.choice(ENCODINGS)
    files[path] = files[path].decode(errors="replace").encode(name, "replace")
    return f"{path!r} as {name}"


def _line_ends(files: Files, random: Random) -> str:
    path, end = _written(files, random), random.choice((b"\r\n", b"\r", b"\n\n", b"\xe2\x80\xa8"))
    files[path] = files[path].replace(b"\n", end)
    return f"{path!r} with {end!r}"


def _move(files: Files, random: Random) -> str:
    path = _written(files, random)
    folder, _, name = path.rpartition(b"/")
    suffix = random.choice(SUFFIXES).encode(errors="surrogateescape")
    stem = name.rpartition(b".")[0] or name
    other = random.choice((name + suffix, stem + suffix, name.upper(), b"x" + name, b"new/" + name + suffix))
    to = folder + b"/" + other if folder else other
    files[to] = files.pop(path)
    return f"{path!r} → {to!r}"


def _add_file(files: Files, random: Random) -> str:
    to = random.choice((b"manifests/", b"rules/")) + random.choice(NAMES).encode()
    files.setdefault(to, files[_written(files, random)])
    return f"{to!r} added"


def _swap(files: Files, random: Random) -> str:
    one, other = _written(files, random), _written(files, random)
    files[one], files[other] = files[other], files[one]
    return f"{one!r} ↔ {other!r}"


MUTATIONS: Final = (
    *map(_in_a_value, IN_A_VALUE),
    *(_data, _data, _data, _data, _bytes, _bytes, _encoding, _line_ends, _move, _move, _add_file, _swap),
)
