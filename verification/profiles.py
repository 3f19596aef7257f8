"""How many cases to draw, and whether always the same: profiles of Hypothesis' settings.

fast      a quarter of the cases: a smoke test, which misses rare bugs
default   a correct NumPy implementation is verified in about a minute
ci        as many as default, drawn the same way in each run
thorough  ten times as many
"""

from hypothesis import settings

CASES = 100  # what Hypothesis' own default is: a check's number of examples is meant for it
PREFIX = "verification-"
PROFILES = {"fast": CASES // 4, "default": CASES, "ci": CASES, "thorough": 10 * CASES}

for name, examples in PROFILES.items():
    settings.register_profile(PREFIX + name, max_examples=examples, derandomize=name == "ci", database=None)


def use(profile: str) -> None:
    """Draw as a profile says from now on, in this process.

    Raises KeyError for an unknown name.
    """
    PROFILES[profile]
    settings.load_profile(PREFIX + profile)


def scaled(examples: int) -> int:
    """Return how many cases to draw where a check asks for ``examples``; profiles that are not ours change nothing."""
    if not settings.get_current_profile_name().startswith(PREFIX):
        return examples
    return max(1, examples * settings().max_examples // CASES)
