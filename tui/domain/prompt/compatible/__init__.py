"""The compatible mode: what SillyTavern 1.19 would send, byte for byte."""
