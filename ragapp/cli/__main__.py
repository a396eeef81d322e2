"""``python -m ragapp.cli``."""

import sys

from ragapp.cli.main import main

sys.exit(main())
