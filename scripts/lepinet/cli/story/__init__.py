"""The story that `lepinet demo` plays: a model's way from a training to its users and back, with real parts."""
