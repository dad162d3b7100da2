"""Files that are whole or not there, with checksums; HDF5."""
