"""Property tests have no time limit, which a busy machine would break, and print how to repeat a failure."""

from hypothesis import settings

settings.register_profile("napi-hil", deadline=None, print_blob=True)
settings.load_profile("napi-hil")
