"""``reconciler.yaml`` and the environment's variables become one frozen value, ``Config``.

In: one file and the environment. Out: ``Config``, or every mistake at once. No other file is read here.
"""
