"""A recipe: what goes into one stemcell. A YAML file under ``stemcells/recipes``; the README there explains each key."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bosh.wire.errors import ValidationInvalidValue


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stemcell, as wished for."""

    name: str
    """``bosh-<infrastructure>-<hypervisor>-<operating system>``."""
    operating_system: str
    version: str
    packages_as_of: datetime.date
    """Part of the root filesystem's cache key, and the youngest time stamp in the image."""
    suite: str
    packages: tuple[str, ...]
    stages: tuple[str, ...]
    """Folders of ``stemcells/stages``, in the order in which they run."""
    stemcell_formats: tuple[str, ...]
    components: tuple[str, ...] = ("main",)
    architecture: str = "amd64"
    cloud_init: bool = False
    api_version: int = 3
    bosh_protocol: str = "1"
    cloud_properties: Mapping[str, Any] = {}

    @property
    def all_packages(self) -> tuple[str, ...]:
        """Debian package names, sorted, with cloud-init when it is switched on."""
        return tuple(sorted({*self.packages, *(("cloud-init",) if self.cloud_init else ())}))

    @property
    def source_date_epoch_s(self) -> int:
        """Midnight UTC of ``packages_as_of``."""
        midnight = datetime.time(tzinfo=datetime.UTC)
        return int(datetime.datetime.combine(self.packages_as_of, midnight).timestamp())


def read(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ValidationInvalidValue: unreadable, not YAML, or a key is missing, unknown or of the wrong type.
    """
    try:
        recipe = msgspec.convert(yaml.safe_load(path.read_text()), Recipe)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValidationInvalidValue(
            f"cannot read the stemcell recipe {path}",
            details=str(error),
            resolution="Compare it with a recipe under stemcells/recipes; its README explains each key.",
        ) from error
    missing = [name for name in recipe.stages if not (stages_of(path) / name / "run").is_file()]
    if missing:
        raise ValidationInvalidValue(
            f"cannot find the stages {', '.join(missing)} of the stemcell recipe {path}",
            resolution=f"Each stage is a folder in {stages_of(path)} with an executable file named run.",
        )
    return recipe


def stages_of(recipe_path: Path) -> Path:
    """The stages' folder: beside the folder of recipes."""
    return recipe_path.parent.parent / "stages"
