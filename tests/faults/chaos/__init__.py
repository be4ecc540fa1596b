"""Kills every part at random under load, and accounts for every 202 from outside."""
