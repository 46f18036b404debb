"""`python -m benchmarks`: how fast is it, where does the time go, and is anything lost.

Load, receiver, product and servers are processes of their own that talk over real sockets. Times
are `time.monotonic_ns()`, a clock that all processes of a machine share.
"""
