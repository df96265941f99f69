"""What the whole emulator stands on: the store, one request as an endpoint gets it, fields, searches, keys, RBAC.

In come a request's fields and stored rows, out go checked values and rows. No operation of an API is defined here.
"""
