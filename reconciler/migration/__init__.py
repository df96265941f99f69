"""A Consumer project becomes the files of the B2B project that replaces it.

In: what is live in the Consumer project. Out: files, and what a person must do. Nothing is written to Stytch here.
"""
