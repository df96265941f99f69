"""YAML text becomes values with the place of each, and values become YAML text.

In: files. Out: documents. What a document means is not known here.
"""
