"""From a request to a response: credentials, routes, limits, faults, and the socket.

In come bytes or a request, out goes a response. What an operation does is decided in ``data`` and ``management``.
"""
