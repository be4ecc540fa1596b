#!/usr/bin/python3
"""`wget -qO- URL`, in the stand-in images, for the health checks of the real ones."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[-1], timeout=4) as answer:
    sys.stdout.write(answer.read().decode())
