"""Plans, drift, outcomes and problems become text, Markdown and JSON.

In: values. Out: text for people and programs. Nothing is read or decided here.
"""
