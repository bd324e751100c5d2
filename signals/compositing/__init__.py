"""The specification's signal compositor (3.4): windows, weights, confidence, opportunities, each a module of its own.

`composing` reads what stands, asks the four in this order, and writes proposals: one leg, for a person.
"""
