"""Kills, stops and floods a whole installation under load, and counts what became of every mail.

Servers and roles are processes of their own. Load and receiver live in this one, on an event loop
of their own, so that a test can tell the receiver how to behave and ask it what has come.
"""
