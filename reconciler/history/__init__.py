"""Git → which revision was applied last, and who may apply now; an apply → the ref that says so.

The only folder that starts ``git``. It decides nothing about Stytch.
"""
