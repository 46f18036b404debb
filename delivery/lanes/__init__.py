"""How endpoints are doing, when they have something due, and when to try again."""
