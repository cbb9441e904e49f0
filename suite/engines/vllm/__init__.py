"""The vllm engine: vLLM in a process of its own, started with whichever interpreter has it."""
