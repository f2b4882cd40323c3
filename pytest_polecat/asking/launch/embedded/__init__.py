"""The launcher `embedded`: the llama.cpp server inside the xllamacpp wheel, in a process of its own."""
