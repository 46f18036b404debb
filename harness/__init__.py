"""Starts the product and its servers as separate processes, for benchmarks and fault tests.

The product never imports this package.
"""
