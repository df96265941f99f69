"""The templates of the reports. They lay out lines that are already written; they decide nothing."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def fill(name: str, **values: object) -> str:
    """Fill in the template ``name`` of ``reconciler/templates/``."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("reconciler"),
        autoescape=False,  # noqa: S701 # plain text and fenced Markdown: there is no HTML to escape for
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
