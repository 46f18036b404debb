"""The part of a worker that makes the calls: claims, calls, and what came of them."""
