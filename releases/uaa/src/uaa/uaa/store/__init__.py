"""What do we remember? Users, groups, clients, tokens that can be revoked, codes, sessions: in one SQL database, shared by all instances."""
