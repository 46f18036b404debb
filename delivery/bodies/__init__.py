"""What a call carries, in every mode, and the links in it."""
