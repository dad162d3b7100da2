"""Code that knows nothing of liquids: errors, random streams, prefetching, compiled code, cores and memory."""
