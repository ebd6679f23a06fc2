"""nonmun beside what others made, in one run: `python -m benchmarks.peers --help`."""
