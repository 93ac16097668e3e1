#!/bin/sh
# Have libfaketime, for the tests of clocks that are wrong. Installs it where that is possible, else says how.
set -eu

have() { for one in /usr/lib/*/faketime/libfaketime.so.1 /usr/local/lib/faketime/libfaketime.so.1; do [ -e "$one" ] && return 0; done; return 1; }

if have; then exit 0; fi
as_root=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="none"; fi
fi
if [ "$as_root" != none ] && command -v apt-get >/dev/null 2>&1; then
  echo "== libfaketime (apt-get)"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends faketime
fi
if have; then exit 0; fi
echo "libfaketime is missing and cannot be installed from here. As root: apt-get install faketime" >&2
echo "Without it: make test ARGS='--ignore=tests/crash --ignore=tests/commands'" >&2
exit 1
