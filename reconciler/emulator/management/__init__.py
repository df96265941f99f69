"""The management API: the workspace's projects and environments, and the settings of each.

In comes a call, out goes an answer. Nothing here knows credentials of a request, faults or sockets.
"""
