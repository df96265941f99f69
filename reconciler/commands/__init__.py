"""The command line: a function for each command, its options, and errors as exit codes.

In: arguments and environment variables. Out: what is printed, and the exit code. Nothing is decided here.
"""
