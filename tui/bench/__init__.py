"""Measuring this machine and this program: in turns with something bare, by processor time as well as by the clock.

Everything happens in a home of its own, which is taken away afterwards.
"""
