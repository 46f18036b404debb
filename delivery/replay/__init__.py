"""Many deliveries made again in the background, behind fresh mail."""
