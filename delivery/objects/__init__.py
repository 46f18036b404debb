"""Attachments and raw messages as objects in a bucket (S3 or what speaks like it)."""
