"""Claims about speed, each a script that measures it beside what users would pick instead.

Run them from the repository's root: `python -m benchmarks` for all, `python -m benchmarks chinchilla_starts` for one,
`--quick` to see that they run. README.md says which script holds which claim.
"""
