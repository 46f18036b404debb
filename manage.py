"""`fastsmtp` without installing it: `python manage.py serve`."""

from fastsmtp.__main__ import main

if __name__ == "__main__":
    main()
