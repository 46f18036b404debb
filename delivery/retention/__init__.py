"""What is deleted when, and what is kept although it is old.

`ages` says how old is old, `needed` what may not go yet; each of `expiry`, `deliveries`, `raws`,
`objects`, `messages`, `replays` and `events` deletes one kind in small transactions, and `cleanup`
runs them in turn.
"""
