"""One machine as a whole BOSH: what ``bosh up`` makes and ``bosh down`` removes."""
