#!/bin/sh
# Install the system libraries that pip can't bring, where that is allowed; else say in one sentence which are missing.
# Usage: system-packages.sh demo|test PYTHON
set -eu

"$2" -c 'import ensurepip' 2>/dev/null && wanted="" || wanted="python3-venv"
if [ "$1" = test ]; then
    # what Qt and OpenGL load at run time, a virtual screen, and a browser for the report
    wanted="$wanted libegl1 libgl1 libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon0 xvfb xauth libxcb-cursor0
        libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0 chromium chromium-driver"
fi
command -v dpkg-query >/dev/null || exit 0 # not Debian: the packages are called otherwise, if they are needed at all

missing=""
for package in $wanted; do
    # newer releases renamed some packages (libglib2.0-0t64) and say so by "Provides"
    dpkg-query -W -f '${Status} ${Package} ${Provides}\n' "$package" "${package}t64" 2>/dev/null |
        grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "System libraries are missing: as root, run apt-get install$missing" >&2
    exit 2
fi
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
