"""Profiles from and for other programs: llama-server's INI presets, and llama-swap's config."""

from pytest_polecat.asking.presets.importing import Imported, import_profiles
from pytest_polecat.asking.presets.ini_export import export_ini
from pytest_polecat.asking.presets.toml import profile_toml

__all__ = ["Imported", "export_ini", "import_profiles", "profile_toml"]
