"""GitHub's REST API: the comments and issues that keep a repository told.

In: text that is already harmless, with its marker. Out: one comment or one issue that says the newest. Only what our
own bot wrote is ever changed.
"""
