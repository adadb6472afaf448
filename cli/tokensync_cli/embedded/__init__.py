"""The embedded stack: AWS in a process, the stack deployed to it, a sandbox authorization server and a front door.

`stack` is what the command line calls; every other module here has one part of the work.
"""
