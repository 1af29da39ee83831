#!/usr/bin/env python3
"""Django's own entry, for developers who are used to it; `./archipelago` is the project's."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")
    execute_from_command_line(sys.argv)
