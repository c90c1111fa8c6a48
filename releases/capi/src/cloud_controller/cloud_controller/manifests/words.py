"""Two words that make a random host name."""

from __future__ import annotations

import random

FIRST = (
    "amber",
    "brave",
    "calm",
    "clever",
    "daring",
    "eager",
    "fair",
    "fluent",
    "gentle",
    "grand",
    "happy",
    "keen",
    "lively",
    "lucky",
    "mellow",
    "nimble",
    "noble",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "shiny",
    "silent",
    "sleek",
    "smart",
    "sunny",
    "swift",
    "tidy",
    "vivid",
    "wise",
)
SECOND = (
    "badger",
    "beaver",
    "cat",
    "crane",
    "deer",
    "dingo",
    "dolphin",
    "eagle",
    "falcon",
    "fox",
    "gecko",
    "hare",
    "heron",
    "ibex",
    "jaguar",
    "koala",
    "lemur",
    "lynx",
    "marten",
    "newt",
    "otter",
    "owl",
    "panda",
    "puffin",
    "raven",
    "seal",
    "stork",
    "swan",
    "tapir",
    "wombat",
)


def pair() -> str:
    """For example ``swift-otter-ab``; two letters more keep clashes rare."""
    # A name, not a secret.
    tail = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=2))
    return f"{random.choice(FIRST)}-{random.choice(SECOND)}-{tail}"
