"""What people do to mail, recipients and endpoints that are there already."""
