#!/bin/bash
# What the machine of a relay does for itself: machine install URL SHA256 | prepare | secrets | join | leave | end | watch | measure.
# Settings are in machine.env and machine.secrets; cloud.sh has the functions that differ by cloud.
set -euo pipefail

etc=${MOQMESH_ETC:-/etc/moqmesh}
lib=${MOQMESH_LIB:-/usr/local/lib/moqmesh}
# Seconds between two looks at the notices of the cloud. A spot machine of AWS gets 120 s notice, one of Google or Azure 30 s.
interval=${MOQMESH_NOTICE_INTERVAL:-5}

# shellcheck source=/dev/null
. "$etc/machine.env"
# shellcheck source=/dev/null
. "$lib/cloud.sh"

say() { echo "moqmesh machine: $*" >&2; }

# retry COMMAND...: up to 30 times, 2 s apart. The network and the rights of a new machine may need a minute.
retry() {
  local try
  for try in $(seq 30); do
    "$@" && return
    [ "$try" = 30 ] || sleep "${MOQMESH_RETRY:-2}"
  done
  say "failed 30 times: $*"
  return 1
}

install_package() {
  local deb
  deb=$(mktemp --suffix=.deb)
  retry curl --fail --silent --show-error --location --proto '=https' --output "$deb" "$1"
  echo "$2  $deb" | sha256sum --check --status || { say "the package at $1 has another SHA-256 than $2: it is not installed"; return 1; }
  # apt reads it as a user of its own.
  chmod 644 "$deb"
  # A service that a package brings waits for its secrets, and would hold up its own installation.
  printf '#!/bin/sh\nexit 101\n' > "${MOQMESH_ROOT:-}/usr/sbin/policy-rc.d"
  chmod 755 "${MOQMESH_ROOT:-}/usr/sbin/policy-rc.d"
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$deb"
  rm -f "$deb" "${MOQMESH_ROOT:-}/usr/sbin/policy-rc.d"
}

# named TEXT: TEXT with the machine's own id in place of @ID@.
named() {
  local text=$1
  if [ "$POOL" = yes ]; then text=${text//@ID@/$(machine_id)}; fi
  printf '%s\n' "$text"
}

# Files that differ from the secrets manager's are replaced; the relay loads replaced files. One that cannot be read stays as it is.
read_secrets() {
  local file id failed=0
  while read -r file id; do
    file=$etc${file#/etc/moqmesh}
    install -d -m 750 -g "${MOQMESH_GROUP:-moqmesh}" "$(dirname "$file")"
    rm -f "$file.new"
    (umask 077; read_secret "$id" > "$file.new") || { say "cannot read the secret $id for $file"; failed=1; rm -f "$file.new"; continue; }
    if [ ! -s "$file.new" ]; then
      say "the secret $id for $file is empty"
      failed=1
      rm -f "$file.new"
    elif cmp --silent "$file.new" "$file"; then
      rm -f "$file.new"
    else
      chgrp "${MOQMESH_GROUP:-moqmesh}" "$file.new"
      chmod 640 "$file.new"
      mv -f "$file.new" "$file"
      say "replaced $file"
    fi
  done < "$etc/machine.secrets"
  return "$failed"
}

prepare() {
  local id server_id
  # A new mesh has no secrets until somebody fills them: the machine waits.
  until read_secrets; do
    say "secrets are missing; the next try is in 10 s"
    sleep "${MOQMESH_RETRY:-10}"
  done
  id=$(retry machine_id)
  server_id=$(printf %s "$id" | sha256sum | cut -c1-16)
  sed -e "s/@ID@/$id/g" -e "s/@SERVER_ID@/$server_id/g" "$etc/relay.toml.in" > "$etc/relay.toml.new"
  chmod 644 "$etc/relay.toml.new"
  mv -f "$etc/relay.toml.new" "$etc/relay.toml"
}

# The server id that this relay writes into its connection ids, or nothing.
server_id() { sed -n 's/^server_id = "\(0x[0-9a-f]*\)"$/\1/p' "$etc/relay.toml"; }

# write_names UPSERT|DELETE
write_names() {
  local address
  if [ -n "${PUBLIC_ZONE:-}" ]; then
    address=$(public_ipv4)
    [ -z "$address" ] || write_record "$1" "$PUBLIC_ZONE" "$(named "$HOST")" A "$address" "$ZONE_TTL"
    address=$(public_ipv6)
    [ -z "$address" ] || write_record "$1" "$PUBLIC_ZONE" "$(named "$HOST")" AAAA "$address" "$ZONE_TTL"
  fi
  if [ -n "${PRIVATE_ZONE:-}" ]; then
    write_record "$1" "$PRIVATE_ZONE" "$(named "$CLUSTER_HOST")" A "$(private_ipv4)" "$ZONE_TTL"
  fi
}

join() {
  local target
  retry write_names UPSERT
  for target in $TARGETS; do retry join_target "$target" "$(server_id)"; done
}

# New clients go elsewhere. A relay that keeps its name keeps its record: the machine that replaces it writes its own address there.
leave() {
  local target
  for target in $TARGETS; do leave_target "$target" || say "cannot leave the target group $target"; done
  if [ "$POOL" = yes ]; then write_names DELETE || say "cannot remove the DNS names of this machine"; fi
}

# The relay stops: for good if the system shuts down.
end() { if [ "$(systemctl is-system-running)" = stopping ]; then leave; fi; }

# Drains the relay when the cloud announces the end of this machine. `systemctl stop` returns when the relay has drained.
watch() {
  local why
  while true; do
    if why=$(ending); then
      say "the cloud ends this machine ($why): the relay drains"
      leave
      systemctl stop moqmesh.service || say "the relay could not be stopped"
      ended || say "cannot report that the relay has drained: the cloud waits until its time is over"
      return
    fi
    sleep "$interval"
  done
}

# A relay that does not answer has no measures: the cloud's alarms count the machines that report.
measure() {
  curl --fail --silent --max-time 10 --header "Authorization: Bearer $(cat "$etc/secrets/admin.token")" "http://127.0.0.1:$ADMIN_PORT/metrics" |
    "${MOQMESH_NODE:-/usr/lib/moqmesh/node/bin/node}" "$lib/measure.mts" "$etc/measures.json" "${STATE_DIRECTORY:-/var/lib/moqmesh-measure}/last.json" |
    put_metrics
}

case ${1:-} in
  install) install_package "$2" "$3" ;;
  prepare) prepare ;;
  secrets) read_secrets ;;
  join) join ;;
  leave) leave ;;
  end) end ;;
  watch) watch ;;
  measure) measure ;;
  *) sed -n 2p "$0" >&2; exit 2 ;;
esac
