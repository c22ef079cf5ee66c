"""Tasks that are submitted and polled: what the simulated vendors of that kind share.

A vendor's package reads its requests and writes its answers; `TaskEngine` accepts tasks into the ledger, works on them
in real time, keeps them over a restart, and cancels them. Faults that ride on a create act alike for all of them.
"""
