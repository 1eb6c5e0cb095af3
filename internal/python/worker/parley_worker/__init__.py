"""Runs an app's Python functions for Parley, over the link (docs/protocols/link.md).

Everything lives in this package, so that an app's modules may have any other
name. Standard library only.
"""
