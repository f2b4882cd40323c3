"""The launcher `binary`: the user's own llama-server, with the user's own flags."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pytest_polecat.asking.commands import written
from pytest_polecat.asking.launch.base import Launch, find_file
from pytest_polecat.asking.launch.binary.command_line import FILE_FLAGS, CommandLine, compose
from pytest_polecat.asking.launch.binary.program import devices, find_program, probe
from pytest_polecat.asking.secrets import safe_words
from pytest_polecat.errors import ProfileError
from pytest_polecat.records.profile import Profile

PORT = "PORT"
"""Stands in a shown command line for the port that is picked at the start."""


class BinaryLauncher:
    """Starts llama-server, or the newer `llama serve`."""

    name = "binary"

    def __init__(self, program: str | None = None) -> None:
        """`program`: the server to run, whatever a profile or the environment says."""
        self._program = program

    def check(self, profile: Profile, models_dir: Path | None) -> None:
        """The weights and the program must be there, and every flag be one that this build takes."""
        for key in FILE_FLAGS:
            if getattr(profile, key):
                find_file(profile, key, models_dir)
        line = self.command_line(profile, models_dir)
        wrapper = (*profile.wrapper, *line.written.wrapper)
        if wrapper and not shutil.which(wrapper[0]):
            raise ProfileError(
                f"profile {profile.name!r}: the wrapper {wrapper[0]} is no program on the PATH; install it"
            )

    def prepare(self, profile: Profile, models_dir: Path | None, port: int) -> Launch:
        """The process with the exact command line."""
        line = self.command_line(profile, models_dir)
        argv = line.argv(profile, port)
        return Launch(
            argv=argv,
            env=line.env(profile),
            url=f"http://127.0.0.1:{port}/v1",
            shown=shown(argv),
            files=line.files,
            context=line.context,
            speculates=line.speculates,
            template=line.value("--chat-template") or line.value("--chat-template-file"),
            placement=line.placement,
            key_overrides=",".join(line.values("--override-kv")),
            look=partial(devices, line.build),
            notes=line.notes,
        )

    def files(self, profile: Profile, models_dir: Path | None) -> Mapping[str, Path]:
        """The weights that the server will read, by the profile's key for them, and the files that flags name."""
        line = self.command_line(profile, models_dir)
        return {**line.files, **line.other_files}

    def command_line(self, profile: Profile, models_dir: Path | None) -> CommandLine:
        """The command line for the program of this machine. Raises `ProfileError`."""
        try:
            build = probe(find_program(written(profile).program, self._program))
        except ProfileError as error:
            raise ProfileError(f"profile {profile.name!r}: {error}") from None
        return compose(profile, build, models_dir)


def shown(argv: tuple[str, ...]) -> tuple[str, ...]:
    """A command line as it may be recorded: keys are left out, those of a wrapper's variables too."""
    return tuple(safe_words(argv))
