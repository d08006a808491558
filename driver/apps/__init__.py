"""Applications: what runs as threads on the kernel model, above its system calls."""
