"""Translations of the pages, one folder a language: words in LC_MESSAGES, how numbers are written in formats.py."""
