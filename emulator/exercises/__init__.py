"""Driver bring-up exercises: the machinery behind ``napi-hil exercise``; the exercises are in exercises/."""
