"""Whether the tests notice a changed service: ``python -m tests.mutation``.

mutmut, which changes the rules, passes over decorated functions and SQL, so over nearly
all of what moves money and quota. Here pytest collects and runs the tests of an area
once and notes which of them reach which line. Then each mutant is tried in a fork of
that process, which puts the changed code into the function, or the changed SQL into its
module, and runs the tests that reach it until one fails.
"""
