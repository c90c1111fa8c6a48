"""What exists? Reads memory and agents → ``Current``, a frozen snapshot."""

from __future__ import annotations

from bosh.inventory.catalog import read_catalog
from bosh.inventory.current import read_current

__all__ = ["read_catalog", "read_current"]
