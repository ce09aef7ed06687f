"""
ScrambleSuit: a stream that looks like random bytes, to a server that stays silent
to whoever does not know its password, or has no ticket from it.
"""
