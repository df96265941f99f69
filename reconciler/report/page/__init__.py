"""A plan, drift or outcomes → one HTML file without network: who gains and loses what, a picture, and every change.

In: a plan, what became of one. Out: pieces of HTML, so that a million changes need not fit in memory. ``page.html.j2``
is what anybody reads, without a script and printed too; the scripts lay out the changes, which follow as JSON, and
search them. Whatever others chose is text on it and nothing else.
"""

from reconciler.report.page.write import drift_page, outcomes_page, plan_page

__all__ = ["drift_page", "outcomes_page", "plan_page"]
