"""Diego: places, keeps and runs app instances and tasks on cells.

`auction`, `convergence` and `lrp_states` decide and touch nothing: no clock, no network, no database.
"""
