"""Properties are judged by what holds, not by how busy the machine is."""

from hypothesis import Phase, settings

settings.register_profile("patient", settings(), deadline=None)
# A mutant is caught by any example; the smallest one would only take its time.
settings.register_profile(
    "mutation",
    settings.get_profile("patient"),
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
)
settings.load_profile("patient")
