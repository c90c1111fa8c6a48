"""The BBS: what is wanted and what is, for everyone to ask, in one database; and what to do when they differ."""
