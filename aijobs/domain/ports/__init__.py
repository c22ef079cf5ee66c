"""What we need from the outside world, one file a subject.

The docstrings are contracts: what is returned, what is raised, what a second call does.
"""
