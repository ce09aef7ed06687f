"""
obfs4: a stream that looks like random bytes, to a server that stays silent to
whoever does not know its identity.
"""
