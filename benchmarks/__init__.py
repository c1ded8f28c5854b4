"""Speed and size, each beside a limit or a peer that is measured in the same run.

Absolute figures move with the machine and with whatever else runs on it; ratios within one run
are what to compare.
"""
