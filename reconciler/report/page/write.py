"""The page, piece by piece: what is read first, then its rows as data, then the scripts that lay them out and search.

The browser is told to load nothing, to send nothing, and to run only the scripts that stand here, by their hashes.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from secrets import token_bytes
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from reconciler.model import Change, Plan
from reconciler.report.escaping import harmless, inert, printable
from reconciler.report.markdown import masked
from reconciler.report.page.page import Page, of_drift, of_outcomes, of_plan
from reconciler.report.page.rows import Row, Shown, chunks
from reconciler.report.view import Line

if TYPE_CHECKING:
    import jinja2

    from reconciler.apply.execute import Applied

SCRIPTS: Final = ("rows.js", "list.js", "page.js")
STYLE: Final = "page.css"
TEMPLATE: Final = "page.html.j2"
_PIECES: Final = 16  # of the template that are written together


def plan_page(plan: Plan, *, mask: bool = False, apply_with: Sequence[str] | None = ()) -> Iterator[bytes]:
    """Yield the page of a plan, with addresses masked if ``mask`` says so."""
    return _written(*of_plan(plan, apply_with), mask=mask)


def drift_page(plan: Plan, *, mask: bool = False) -> Iterator[bytes]:
    """Yield the page of what is live and not as declared."""
    return _written(*of_drift(plan), mask=mask)


def outcomes_page(plan: Plan, applied: "Applied", new: Sequence[Change] = (), *, mask: bool = False) -> Iterator[bytes]:
    """Yield the page of what became of a plan's changes."""
    return _written(*of_outcomes(plan, applied, new), mask=mask)


def _written(page: Page, rows: Iterator[Row], *, mask: bool) -> Iterator[bytes]:
    shown = _masking() if mask else harmless
    style, script = _text(STYLE), "\n".join(map(_text, SCRIPTS))
    stream = _template(shown).stream(
        page=page,
        chunks=map(_markup, chunks(rows, shown)),
        style=_markup(style),
        script=_markup(script),
        sources={"style": _source(style), "script": _source(script)},
    )
    stream.enable_buffering(_PIECES)
    return (piece.encode() for piece in stream)


def _masking() -> Shown:
    """Return what shows texts with addresses masked, each alike wherever it stands, and nobody can try out whose."""
    salt = token_bytes()
    return lambda text: inert(masked(printable(text), salt))


def _template(shown: Shown) -> "jinja2.Template":
    import jinja2

    def finalize(value: object) -> object:
        return shown(str(value)) if isinstance(value, Line) or type(value) is str else value

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reconciler.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )
    environment.filters["link"] = partial(_link, shown)
    return environment.get_template(TEMPLATE)


def _link(shown: Shown, name: str, what: str) -> str:
    """Return the address on the page of what concerns an organization, a person and so on."""
    return _markup(f"#{urlencode({what: shown(name)})}")


def _markup(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 # ours: a file of this folder, base64, an address of letters and "%"


@cache
def _text(name: str) -> str:
    return (files("reconciler.report.page") / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """Return what a policy permits a script or a style by."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
