"""
A client and a server as child processes on this machine, with somebody on the
wire between them: for programs that show what happens there.
"""
