#!/usr/bin/env bash
# Chromium for the tests of pages: found, or installed by the system's package manager where we may; else the line to type.
set -u
for program in chromium chromium-browser google-chrome; do
  command -v $program >/dev/null 2>&1 && exit 0
done
for manager in apt-get dnf apk zypper pacman; do
  command -v $manager >/dev/null 2>&1 || continue
  case $manager in
    apt-get) install="apt-get update -q && apt-get install -y -q --no-install-recommends chromium" ;;
    dnf) install="dnf install -y chromium" ;;
    apk) install="apk add chromium" ;;
    zypper) install="zypper --non-interactive install chromium" ;;
    pacman) install="pacman -Sy --noconfirm chromium" ;;
  esac
  if [ "$(id -u)" = 0 ]; then
    echo "installing Chromium: $install" >&2
    DEBIAN_FRONTEND=noninteractive bash -c "$install" >&2 && exit 0
  fi
  echo "Chromium is needed. Type: sudo sh -c '$install'" >&2
  exit 1
done
echo "Chromium is needed: install it and have it on PATH." >&2
exit 1
