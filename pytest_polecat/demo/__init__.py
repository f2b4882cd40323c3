"""The demo model: a small GGUF file whose replies are known in advance, served by the real llama.cpp."""
