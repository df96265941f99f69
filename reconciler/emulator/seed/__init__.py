"""Start an emulator with data in it: read files, make up users, place objects, listen.

In come the command's options, out goes a running server. Nothing below imports this folder: a server needs no data.
"""
