"""Lets `python -m intertrain_jax` be the command line."""

from intertrain_jax.cli import main

if __name__ == "__main__":
    main()
