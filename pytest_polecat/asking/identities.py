"""What tells the models of a run from all others: each profile's hash, its weights included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_polecat.asking.profiles import fingerprint
from pytest_polecat.records.profile import Profile

WeightHashes = Mapping[str, str]
"""SHA-256 of weights files by the profile's key for them."""


@dataclass(frozen=True)
class Identities:
    """The profiles of a run by name, the hashes of each one's weights, and the hash of each with its weights."""

    profiles: Mapping[str, Profile]
    weights: Mapping[str, WeightHashes]
    hashes: Mapping[str, str]

    @classmethod
    def of(cls, profiles: Mapping[str, Profile], weights: Mapping[str, WeightHashes]) -> Identities:
        """Those of profiles whose weights have these hashes."""
        hashes = {name: fingerprint(profile, weights.get(name)) for name, profile in profiles.items()}
        return cls(profiles, weights, hashes)

    def hash_of(self, profile: Profile) -> str:
        """The hash of a profile: one of these, or what a test made of one."""
        if self.profiles.get(profile.name) is profile:
            return self.hashes[profile.name]
        return fingerprint(profile, self.weights.get(profile.name))
