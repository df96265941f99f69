"""Write what a plan says: each write is journalled before and after, and every outcome is told.

In: a plan. Out: outcomes, the journal, credentials in the store. No other package writes to Stytch.
"""
