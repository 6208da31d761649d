#!/bin/sh
# Announces an anycast address by BIRD while the relay is ready, and withdraws it otherwise:
#
#   [health]
#   on_change = ["/usr/local/lib/moqmesh/anycast-bird.sh", "moqmesh_anycast"]
#
# The argument is a protocol of bird.conf that has the route (deploy/anycast/bird.conf). The user of the relay must be in the group that may
# use BIRD's control socket; BIRD_SOCKET names another socket than BIRD's own.
set -eu

protocol=${1:?"usage: anycast-bird.sh PROTOCOL"}
case ${MOQMESH_STATE:?"the relay sets it: ready or not_ready"} in
  ready) action=enable ;;
  *) action=disable ;;
esac

# birdc ends with 0 also when BIRD refuses.
answer=$(birdc ${BIRD_SOCKET:+-s "$BIRD_SOCKET"} "$action" "$protocol")
case $answer in
  *"$protocol: enabled"* | *"$protocol: disabled"* | *"$protocol: already ${action}d"*) ;;
  *)
    echo "$answer" >&2
    exit 1
    ;;
esac
