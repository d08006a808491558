"""The Linux side: a model of the kernel, and the drivers written against it."""
