"""`python -m polyscribe` is the command `polyscribe`."""

from polyscribe.cli import main

if __name__ == "__main__":
    main()
