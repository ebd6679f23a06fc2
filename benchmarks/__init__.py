"""Speed and memory, each against something others made: `python -m benchmarks --help`."""
