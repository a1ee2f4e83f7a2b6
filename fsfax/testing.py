"""Pytest fixtures for programs that embed fsfax."""
