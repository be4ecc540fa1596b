"""The local stack: the real servers, from wheels, as child processes on loopback; for trying, developing and tests."""
