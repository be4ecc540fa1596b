"""Benchmarks: ratios against honest baselines in the same run, never bare times. `python -m bench`."""
