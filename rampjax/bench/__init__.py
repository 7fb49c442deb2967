"""How fast the engine is: ratios against floors and rivals, all timed in one run on one machine.

Physics and statistics are those of the other rooms; here are only rivals that compute the same, and the clock.
"""
