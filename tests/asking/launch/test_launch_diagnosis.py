"""Why a server ended: the lines are recorded from llama.cpp's server."""

import pytest

from pytest_polecat.asking.launch.diagnosis import diagnose, log_lines

NOISE = "0.00.003.662 I srv          init: build_info: b11434-abc1234\n"
MISSING = (
    "0.00.007.524 E gguf_init_from_file: failed to open GGUF file '/m/none.gguf' (No such file or directory)\n"
    "0.00.007.998 E llama_model_load: error loading model: llama_model_loader: failed to load model from /m/none.gguf\n"
    "0.00.008.345 E srv          init: exiting due to model loading error\n"
)


@pytest.mark.parametrize(
    ("lines", "kind", "sentence"),
    [
        ("error: invalid argument: --no-mmap", "flag", "does not know the flag --no-mmap; take it out of the profile"),
        (
            "--draft-max the argument has been removed. use --spec-draft-n-max",
            "flag",
            "no longer takes the flag --draft",
        ),
        (
            'error while handling argument "--draft-max": the argument has been removed. use --spec-draft-n-max',
            "flag",
            "no longer takes the flag --draft-max; take it out of the profile",
        ),
        ('error while handling argument "-c": stoi', "flag", 'can\'t read the value of "-c"'),
        ('error while handling environment variable "LLAMA_ARG_CTX_SIZE": stoi', "flag", "LLAMA_ARG_CTX_SIZE"),
        ("error: unknown value for --flash-attn: '--jinja'", "flag", "can't read the value of --flash-attn"),
        ("Available buffer types:\n  CPU\nunknown buffer type", "flag", "correct `override-tensor`"),
        ("0.01 E srv  load: Mismatched '(' and ')' in regular expression", "flag", "can't read a pattern"),
        ("0.1 E x: context type MTP requested but model doesn't contain MTP layers", "flag", "drop `spec-type`"),
        ("0.1 W x: context type MTP requested but model doesn't contain MTP layers", "flag", "drop `spec-type`"),
        (MISSING, "model", "could not open /m/none.gguf (No such file or directory); correct `model`"),
        (
            "0.00.007.081 E gguf_init_from_reader: invalid magic characters: 'not ', expected 'GGUF'",
            "model",
            "was given a file that is not GGUF",
        ),
        (
            "0.0 E load: tensor 'output.weight' data is not within the file bounds, model is corrupted or incomplete",
            "model",
            "cut short; download the file again",
        ),
        ("0.0 E gguf_init_from_reader: failed to read magic", "model", "was given a file that is not GGUF"),
        (
            "0.0 E srv load_model: failed to load multimodal model, '/m/p.gguf'",
            "model",
            "the projector /m/p.gguf; point",
        ),
        ("0.0 E load: unknown model architecture: 'brandnew'", "model", "does not know the architecture brandnew"),
        ("0.0 E srv load_model: failed to load draft model, '/m/d.gguf'", "model", "correct `draft`"),
        (
            "0.0 E llama_init: K cache type q8_0 ...\n0.0 E common_init_: failed to create context with model 'x'",
            "flag",
            "can't make such a context; correct the flags that the lines below name",
        ),
        ("0.0 E srv init: exiting due to model loading error", "model", "could not load the model"),
        (
            "0.00.003.244 E srv start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 18099",
            "port",
            "could not get its port",
        ),
        ("lifeline: can't start llama-server: No such file or directory", "command", "could not be run: llama-server"),
    ],
)
def test_a_recorded_failure_is_classified(lines: str, kind: str, sentence: str) -> None:
    error = diagnose(1, NOISE + lines, "9b")
    assert (error.kind, error.mode) == (kind, "server_crash")
    assert str(error).startswith("profile '9b': the model server ")
    assert sentence in str(error)


@pytest.mark.parametrize(
    "line",
    [
        "0.1 E ggml_cuda: allocating 8192.00 MiB on device 0: cudaMalloc failed: out of memory",
        "0.1 E alloc_tensor_range: failed to allocate CUDA0 buffer of size 8589934592",
        "0.1 E load_tensors: unable to allocate CUDA0 buffer",
        "0.1 E llama_init: failed to initialize the context: std::bad_alloc",
        "0.1 E llama_kv_cache: failed to allocate buffer for kv cache",
        "0.1 E graph_reserve: failed to allocate compute pp buffers",
        "0.1 E alloc_tensor_range: failed to allocate Vulkan0 buffer of size 8589934592",
        "ggml_vulkan: Device memory allocation of size 1073741824 failed.",
        "CUDA error: out of memory",
        '{"type":"log","time":1,"level":"error","msg":"failed to allocate buffer for kv cache\\n"}',
    ],
)
def test_a_lack_of_memory_is_told_from_the_failures_that_follow_it(line: str) -> None:
    error = diagnose(1, f"{line}\n0.2 E srv init: exiting due to model loading error\n", "35b")
    assert (error.kind, error.mode) == ("memory", "server_oom")
    assert "lower `ctx-size`" in str(error)


def test_a_lack_of_device_memory_in_the_middle_of_a_run_is_told_from_other_aborts() -> None:
    log = (
        "0.9 I slot update_slots: id  0 | task 12 | prompt processing progress\n"
        "0.9 E ggml_cuda_error: CUDA error: out of memory\n"
        "0.9 E ggml_cuda_error:   current device: 0, in function alloc at ggml-cuda.cu:505\n"
    )
    error = diagnose(-6, log, "35b")
    assert (error.kind, error.mode) == ("memory", "server_oom")
    assert "current device: 0" in str(error)


def test_a_warning_that_flags_do_not_fit_is_no_cause_by_itself() -> None:
    warning = "0.0 W common_fit: failed to fit params to free device memory: n_gpu_layers already set by user to 99\n"
    assert diagnose(-11, warning, "35b").kind == "crash"
    error = diagnose(1, f"{warning}0.1 E load_tensors: unable to allocate CUDA0 buffer\n", "35b")
    assert (error.kind, error.mode) == ("memory", "server_oom")


def test_a_warning_is_not_taken_for_the_cause() -> None:
    log = "0.1 W ggml_cuda_host_malloc: failed to allocate 64.00 MiB of pinned memory: out of memory\n"
    error = diagnose(-6, log, "9b")
    assert (error.kind, error.mode) == ("crash", "server_crash")
    assert "crashed (SIGABRT)" in str(error)


def test_a_kill_that_left_no_line_is_booked_as_a_lack_of_memory() -> None:
    error = diagnose(-9, NOISE, "9b")
    assert (error.kind, error.mode) == ("memory", "server_oom")
    assert str(error).count("\n") == 0


def test_an_end_without_a_reason_gives_the_status() -> None:
    assert "ended by itself with exit status 3" in str(diagnose(3, NOISE, "9b"))


def test_a_signal_without_a_name_gives_its_number() -> None:
    assert "crashed (signal 90)" in str(diagnose(-90, "", "9b"))


def test_a_server_that_still_runs_was_not_ready_in_time() -> None:
    error = diagnose(None, MISSING, "9b")
    assert (error.kind, error.mode) == ("timeout", "connection")
    assert "raise `ready_timeout`" in str(error)


def test_the_last_distinct_error_lines_are_shown_without_their_time_stamps() -> None:
    lines = str(diagnose(1, MISSING + MISSING, "9b")).splitlines()[1:]
    assert len(lines) == 3
    assert lines[0].startswith("    gguf_init_from_file: failed to open")


def test_the_usage_that_follows_a_bad_value_is_left_out() -> None:
    log = (
        'error while handling argument "-c": stoi\n\nusage:\n-c, --ctx-size N\n\nto show complete usage, run with -h\n'
    )
    assert str(diagnose(1, log, "9b")).splitlines()[1:] == ['    error while handling argument "-c": stoi']


def test_control_characters_of_the_log_are_not_printed() -> None:
    message = str(diagnose(1, "0.0 E \x1b[31mbad\x07 thing", "9b"))
    assert message.splitlines()[1] == "    [31mbad thing"


def test_broken_json_in_the_log_is_an_ordinary_line() -> None:
    assert list(log_lines('{"level": \n\n{"level":"warn","msg":"x"}')) == [("", '{"level": '), ("W", "x")]
