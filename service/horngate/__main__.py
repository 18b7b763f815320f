"""``python -m horngate``: the command, where no script is installed."""

import sys

from horngate.cli.main import main

sys.exit(main())
