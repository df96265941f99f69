"""The templates of the reports. They lay out lines that are already written; they decide nothing."""

from functools import cache
from typing import TYPE_CHECKING

from reconciler.report.escaping import in_code, in_markdown, on_a_line

if TYPE_CHECKING:
    import jinja2


def fill(name: str, **values: object) -> str:
    """Fill in the template ``name`` of ``reconciler/templates/``."""
    return _environment().get_template(name).render(**values)


def report(name: str, **values: object) -> str:
    """Fill in the template of a report: whatever is filled in is one line, in which nothing acts."""
    return _reports().get_template(name).render(**values)


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


@cache
def _reports() -> "jinja2.Environment":
    reports = _environment().overlay(finalize=on_a_line)
    reports.filters |= {"in_markdown": in_markdown, "in_code": in_code}
    return reports
