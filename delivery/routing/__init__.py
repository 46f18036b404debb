"""From a stored message to deliveries: what the rules say, and where they lead."""
