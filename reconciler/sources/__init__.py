"""Rows become users and tables, streamed; a file that is cut short is refused.

In: files. Out: rows with their places. What a row means is not known here.
"""
