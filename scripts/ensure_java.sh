#!/usr/bin/env bash
# Java 17 or newer for Spark: found, or installed by the system's package manager where we may; else the line to type.
set -u
major() { "$1" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p' | head -n 1; }
java=${JAVA_HOME:+$JAVA_HOME/bin/java}
[ -x "${java:-}" ] || java=$(command -v java || true)
if [ -n "$java" ]; then
  found=$(major "$java")
  [ "${found:-0}" -ge 17 ] && exit 0
  echo "Java ${found:-?} at $java is too old for Spark 4." >&2
fi
for manager in apt-get dnf yum apk zypper pacman brew; do
  command -v $manager >/dev/null 2>&1 || continue
  case $manager in
    apt-get) install="apt-get update -q && apt-get install -y -q openjdk-17-jre-headless" ;;
    dnf | yum) install="$manager install -y java-17-openjdk-headless" ;;
    apk) install="apk add openjdk17-jre-headless" ;;
    zypper) install="zypper --non-interactive install java-17-openjdk-headless" ;;
    pacman) install="pacman -Sy --noconfirm jre17-openjdk-headless" ;;
    brew) install="brew install openjdk@17" ;;
  esac
  if [ "$(id -u)" = 0 ] || [ $manager = brew ]; then
    echo "installing Java 17: $install" >&2
    DEBIAN_FRONTEND=noninteractive bash -c "$install" >&2 && exit 0
  else
    echo "Java 17 is needed. Type: sudo sh -c '$install'" >&2
    exit 1
  fi
done
echo "Java 17 is needed: install a JRE 17 and set JAVA_HOME." >&2
exit 1
