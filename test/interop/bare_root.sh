#!/usr/bin/env bash
# Makes a bare Debian in a folder, with nothing but its base system, and with the way to the network that
# this machine has. Needs root and debootstrap.
#
#   test/interop/bare_root.sh RELEASE DIR     bookworm, trixie, ...; DIR is empty or not there
set -euo pipefail

release=${1:?usage: test/interop/bare_root.sh RELEASE DIR}
root=${2:?usage: test/interop/bare_root.sh RELEASE DIR}

# From where this machine has its own packages.
mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m1 '/debian/*$' || true)
debootstrap --variant=minbase "$release" "$root" ${mirror:+"$mirror"}
cp /etc/resolv.conf /etc/hosts "$root/etc/"
