"""What a kind is, and what follows from its declaration: validation, defaults, the names of secrets.

In: types with traits. Out: checks of values. No kind is named here.
"""
