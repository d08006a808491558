"""The cost profiles, one TOML file each; emulator/cost_profiles.py reads them."""
