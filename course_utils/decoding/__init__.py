"""From next-token probabilities to text: greedy, beam search, sampling; over a callable, never a model class.

All of them call ``step(state, tokens)`` with the token that each row read last, and get back the logarithms
of the next token's probabilities and the new state. See `steps` for what a state may be.
"""
