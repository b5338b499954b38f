from hypothesis import settings

settings.register_profile("losses", deadline=None)  # a slow moment of the machine is no failure
settings.load_profile("losses")
