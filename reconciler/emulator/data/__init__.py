"""The data API: organizations, members, users, connections, clients, and the fraud rules of one environment.

In comes a call, out goes an answer. Nothing here knows credentials, faults or sockets.
"""
