#!/bin/sh
# Packs the workspace's packages as npm would publish them, and unpacks them over the deployed collector in DIRECTORY:
# `pnpm deploy` installs the dependencies by the lockfile, but leaves the packages pointing at their source.
set -eu
directory=$1
tarballs=$(mktemp -d)
trap 'rm -rf "$tarballs"' EXIT

unpack() {
  (cd "$1" && pnpm pack --out "$tarballs/$1.tgz" > /dev/null)
  tar -xzf "$tarballs/$1.tgz" --strip-components=1 --no-same-owner -C "$2"
}

unpack collector "$directory"
unpack schemas "$directory/node_modules/@millrace/schemas"
unpack sdk-node "$directory/node_modules/@millrace/node"
unpack sdk-browser "$directory/node_modules/@millrace/browser"
chmod 0755 "$directory/dist/main.js"
