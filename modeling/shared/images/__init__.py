"""What families for images share."""
