"""Wires that misbehave: each stands between a client and a real server, and makes trouble by name."""
