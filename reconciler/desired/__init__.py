"""Every user goes through the rules once: who should be a member of which organization, with what.

In: users and compiled rules. Out: memberships by organization. Nothing live is looked at here.
"""
