"""`python -m necgs_cli`: the same as the `necgs` command."""

from necgs_cli.cli.main import main

if __name__ == "__main__":
    main()
