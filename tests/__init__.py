"""otpy's tests; they mirror the package `otpy`."""
