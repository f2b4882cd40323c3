"""Runs as they lie on disk, made without asking anybody."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_polecat.jsonl import json_line
from pytest_polecat.records.attempt import Attempt, Case, Finding
from pytest_polecat.records.outcome import FailureMode, Outcome
from pytest_polecat.records.profile import Profile, Reasoning
from pytest_polecat.records.question import content_hash
from pytest_polecat.records.request import Sampling
from pytest_polecat.records.run import Host, ProfileRun, Run, Served, SuiteRun, Weights
from pytest_polecat.rundir import RunDir

PROFILE = "demo-35b"


@dataclass
class Story:
    """One question of a synthetic run: what is asked and said, and what came of it (None: not run)."""

    question: str
    outcome: str | None = "passed"
    suite: str = "precision"
    tier: int = 1
    points: float = 1
    earned: float | None = None
    mode: FailureMode | None = None
    message: str = ""
    prompt: str = "Name a prime number between 10 and 12."
    system: str | None = None
    content: str = "11"
    reasoning: str = ""
    reference: str | None = "11"
    flags: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    tool_calls: Sequence[dict[str, str]] = ()
    epoch: int = 1
    kept: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def case(self) -> Case:
        return Case(
            nodeid=f"suites/{self.suite}.polecat.yaml::test_question[{self.question}]",
            suite=self.suite,
            question=self.question,
            hash=content_hash(self.suite, self.question),
            profile=PROFILE,
            seed=42,
            epoch=self.epoch,
            tier=self.tier,
            points=self.points,
        )

    @property
    def key(self) -> str:
        return f"{self.suite}-{self.question}-{self.epoch}"

    @property
    def attempt(self) -> Attempt | None:
        if self.outcome is None:
            return None
        earned = self.earned if self.earned is not None else (self.points if self.outcome == "passed" else 0)
        asked = self.outcome != "skipped"
        return Attempt(
            **self.case.model_dump(),
            outcome=Outcome(self.outcome),
            earned=earned,
            mode=self.mode,
            message=self.message,
            findings=self.findings,
            flags=self.flags,
            replies=(self.key,) if asked else (),
            prompt_tokens=31 if asked else None,
            completion_tokens=12 if asked else None,
            generation_ms=840.0 if asked else None,
        )

    def kept_reply(self) -> bytes:
        messages = [{"role": "system", "content": self.system}] if self.system else []
        messages.append({"role": "user", "content": self.prompt})
        request = {"messages": messages, "temperature": 0.1, "max_tokens": 512, "seed": 42, **self.extra}
        reply = {
            "content": self.content,
            "reasoning": self.reasoning,
            "tool_calls": list(self.tool_calls),
            "finish_reason": "stop",
            "usage": {"prompt_tokens": 31, "completion_tokens": 12},
            "timings": {
                "source": "server",
                "wall_ms": 840,
                "prompt_n": 31,
                "prompt_ms": 90,
                "predicted_n": 12,
                "predicted_ms": 700,
            },
        }
        return json.dumps({"request": request, "reply": reply, "raw": {"content": self.content}}).encode()


def write_run(folder: Path, stories: Sequence[Story], *, deselected: int = 0, served: bool = True) -> RunDir:
    """Write the run that these stories tell, as the stages before the report would."""
    rundir = RunDir(folder / "20261121-143005-c7f2")
    (rundir.path / "replies").mkdir(parents=True)
    rundir.write_run(synthetic_run(stories, deselected=deselected, served=served))
    questions = {story.case.hash: story for story in stories}
    rundir.write_selection(
        (story.case for story in stories), [_question(digest, s) for digest, s in questions.items()], deselected
    )
    rundir.adopt_selection()
    attempts = [story.attempt for story in stories]
    rundir.attempts_file.write_bytes(b"".join(json_line(one.model_dump(mode="json")) for one in attempts if one))
    for story in stories:
        if story.kept and story.attempt and story.attempt.replies:
            Path(rundir.reply_file(story.key)).write_bytes(story.kept_reply())
    return rundir


def _question(digest: str, story: Story) -> dict[str, Any]:
    question: dict[str, Any] = {"id": story.question, "prompt": story.prompt, "system": story.system}
    if story.reference is not None:
        question["reference"] = {"turns": [{"content": story.reference}]}
    return {"hash": digest, "suite": story.suite, "question": question}


def synthetic_run(stories: Sequence[Story], *, deselected: int = 0, served: bool = True) -> Run:
    """The identity of such a run."""
    server = Served(
        launcher="binary",
        url="http://user:secret@127.0.0.1:8200/v1",
        command=(
            "llama-server",
            "-m",
            "/models/Demo-35B-A3B-IQ4_NL.gguf",
            "-c",
            "65536",
            "-np",
            "4",
            "-ot",
            "exps=CPU",
        ),
        build="b9123-1a2b3c4d",
        model="Demo 35B A3B",
        model_path="/models/Demo-35B-A3B-IQ4_NL.gguf",
        weights=Weights(path="/models/Demo-35B-A3B-IQ4_NL.gguf", size=19_700_000_000, sha256="9f" * 32),
        slots=4,
        n_ctx=16384,
        template_hash="c0ffee1234567890",
        modalities=("text",),
        ready_seconds=21.4,
    )
    profile = Profile(
        name=PROFILE,
        description="35B MoE, 4-bit, experts in main memory",
        model="Demo-35B-A3B-IQ4_NL.gguf",
        parallel=4,
        sampling=Sampling(temperature=0.6, top_p=0.95, top_k=20),
        reasoning=Reasoning(enabled=False),
    )
    return Run(
        id="20261121-143005-c7f2",
        status="finished",
        started="2026-11-21T14:30:05+00:00",
        finished="2026-11-21T14:36:51+00:00",
        command=("pytest", f"--polecat-model={PROFILE}", "suites/"),
        host=Host(
            system="Linux 6.8",
            machine="x86_64",
            processor="Example CPU",
            cores=16,
            memory=128 * 2**30,
            python="3.11.9",
            pytest="9.2.0",
            polecat="0.1.0",
        ),
        seed=42,
        epochs=max((story.epoch for story in stories), default=1),
        concurrency=5,
        selected=len(stories),
        deselected=deselected,
        profiles={PROFILE: ProfileRun(profile=profile, hash="0badcafe", served=server if served else None)},
        suites={s.suite: SuiteRun(suite=s.suite, version="1", hash="beef0001") for s in stories},
    )


def everything() -> list[Story]:
    """One question of every kind."""
    failed = Finding(
        check="excludes", ok=False, message="the answer contains 'sunlight'", points=1.5, mode=FailureMode.WRONG_ANSWER
    )
    held = Finding(check="sentences", ok=True, message="2 sentences", points=1.5, earned=1.5)
    return [
        Story("prime-between-10-and-12", system="Answer briefly.", reasoning="Let me think. 11 is prime.", points=2),
        Story(
            "photosynthesis",
            "partial",
            points=3,
            earned=1.5,
            mode=FailureMode.WRONG_ANSWER,
            message="1 of 2 checks hold",
            findings=(held, failed),
            content="Plants use sunlight. They make sugar.",
            tier=1,
        ),
        Story(
            "json-schema-invoice",
            "missed",
            tier=2,
            points=4,
            mode=FailureMode.FORMAT_VIOLATION,
            message="the reply is not JSON: Expecting value: line 1 column 1",
            content="Sure! Here is the JSON:\n```json\n{}\n```",
        ),
        Story(
            "weather-tool",
            "passed",
            suite="tools",
            tier=2,
            points=2,
            content="",
            tool_calls=[{"name": "get_weather", "arguments": '{"city": "Oslo"}', "id": "call_1"}],
        ),
        Story("long-story", "passed", tier=2, points=1, content="word " * 9000, flags=("truncated",)),
        Story(
            "infinite-thought",
            "missed",
            tier=3,
            points=5,
            mode=FailureMode.THINKING_EXHAUSTED,
            content="",
            message="the token limit was reached while thinking",
            reasoning="Wait, " * 3000,
        ),
        Story(
            "queue",
            "broken",
            suite="tools",
            tier=3,
            points=5,
            mode=FailureMode.SANDBOX_ERROR,
            message="the container did not start",
        ),
        Story("picture", "skipped", suite="tools", tier=1, points=2, message="the model sees no images"),
        Story("never-reached", None, suite="tools", tier=3, points=1),
    ]
