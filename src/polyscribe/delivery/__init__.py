"""Who is told about what happened, and when again."""
