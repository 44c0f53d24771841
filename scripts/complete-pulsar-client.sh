#!/bin/sh
# Brings the native part of the Pulsar client, which npm does not carry, into the deployed collector in DIRECTORY, where
# its download can be reached. An image without it is whole: everything but pulsar:// and pulsar+ssl:// works.
# complete-pulsar-client.sh DIRECTORY try|skip
directory=$1
client=$directory/node_modules/pulsar-client
without='the image is made without the native Pulsar client; pulsar+ws:// and pulsar+wss:// work, pulsar:// and pulsar+ssl:// need it'

case $2 in
  try) ;;
  skip) echo "PULSAR_NATIVE=skip: $without"; exit 0 ;;
  *) echo "PULSAR_NATIVE is \"$2\"; it must be try or skip" >&2; exit 1 ;;
esac
if [ ! -d "$client" ]; then
  echo "the collector does not name the package pulsar-client: $without"
  exit 0
fi
# Its own install script, less the compiling that the script falls back to.
cd -P "$client" || exit 1
if timeout 180 node "$(node -p 'require.resolve("@mapbox/node-pre-gyp/bin/node-pre-gyp")')" install && node GenCertFile.js && node -e 'require(".")'; then
  echo 'the native Pulsar client is built in'
else
  echo "the download of the native Pulsar client failed: $without"
fi
