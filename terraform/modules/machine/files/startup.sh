#!/bin/bash
# Google Cloud runs this at every start of the machine; what is done once stays done.
set -euo pipefail
root=$${MOQMESH_ROOT:-}
done=$root/var/lib/moqmesh-machine/done
[ ! -e "$done" ] || exit 0

put() {
  install -D -m "$2" /dev/null "$root$1"
  base64 --decode | gunzip > "$root$1"
}

# Updates of the system may be running.
install -D -m 644 /dev/null "$root/etc/apt/apt.conf.d/90-moqmesh"
echo 'DPkg::Lock::Timeout "300";' > "$root/etc/apt/apt.conf.d/90-moqmesh"
for try in $(seq 30); do
  if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages}; then break; fi
  [ "$try" -lt 30 ] || exit 1
  sleep 10
done
%{ for file in files ~}
put '${file.path}' ${file.mode} <<'END'
${file.content}
END
%{ endfor ~}
%{ for command in commands ~}
${command}
%{ endfor ~}
install -D -m 644 /dev/null "$done"
