"""What is live, and the users, without people: taken by a run with credentials, planned from by one without.

In: a run that reads Stytch. Out: a file in which the local part of every address is a hash, and from the file a client
that answers what is asked of Stytch. Nothing here writes to Stytch, and what the file does not have is never guessed.
"""
