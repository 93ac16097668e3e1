#!/bin/sh
# Have Chromium and a Chinese font, for the tests in a browser. Installs them where that is possible, else says how.
set -eu

have_browser() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; }
have_font() { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list :lang=zh family 2>/dev/null | head -n 1)" ]; }

if have_browser && have_font; then exit 0; fi

as_root=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="none"; fi
fi
if [ "$as_root" != none ] && command -v apt-get >/dev/null 2>&1; then
  echo "== Chromium and a Chinese font (apt-get)"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk fontconfig
fi
if have_browser; then exit 0; fi
echo "Chromium is missing and cannot be installed from here. As root: apt-get install chromium fonts-noto-cjk" >&2
echo "Without it: make test ARGS='--ignore=tests/browser'" >&2
exit 1
