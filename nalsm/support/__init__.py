"""Helpers that do not depend on liquids: errors, random streams, prefetching, compiled code, cores and memory."""
