"""Where packages, droplets, buildpacks and caches are kept."""
