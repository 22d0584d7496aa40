"""Brokers of the VOEvent Transport Protocol as programs, and what drives them."""
