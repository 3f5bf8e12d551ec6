"""``python -m harness_api.cli`` is the same as ``harness``."""

import sys

from harness_api.cli import main

sys.exit(main())
