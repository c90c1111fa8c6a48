"""What requests may say, checked and typed."""
