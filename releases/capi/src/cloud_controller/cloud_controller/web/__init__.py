"""From HTTP to handlers and back."""
