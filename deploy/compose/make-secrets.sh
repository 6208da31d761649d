#!/bin/sh
# Makes the secrets of compose.yml in secrets/: an authority with a certificate for all relays, keys of tokens, and passwords.
# Needs openssl and the moqmesh image; MOQMESH names another way to run the program, such as MOQMESH="npx moqmesh".
# What is there is kept.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets/keys
cd secrets

moqmesh() {
  if [ -n "${MOQMESH:-}" ]; then
    $MOQMESH "$@"
  else
    docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" --workdir /work --entrypoint /nodejs/bin/node moqmesh /app/bin/moqmesh.js "$@"
  fi
}

if [ ! -e ca.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=moqmesh compose" \
    -keyout ca.key -out ca.pem 2>/dev/null
fi
if [ ! -e cert.pem ]; then
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=relay" -keyout key.pem -out cert.csr 2>/dev/null
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:root-1,DNS:origin-1,DNS:regional-1,DNS:edge-1,DNS:edge-2\n' > names
  openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile names -out cert.pem 2>/dev/null
  rm -f cert.csr names ca.srl
fi
[ -e cluster.jwk ] || moqmesh token keygen --kid cluster --cluster --out cluster.jwk --public keys/
[ -e clients.jwk ] || moqmesh token keygen --kid clients --put "" --get "" --out clients.jwk --public keys/
[ -e admin.token ] || openssl rand -hex 32 > admin.token
[ -e grafana.password ] || openssl rand -hex 16 > grafana.password
if [ ! -e redis.conf ]; then
  password=$(openssl rand -hex 24)
  printf 'requirepass %s\n' "$password" > redis.conf
  printf 'redis://:%s@redis:6379/0\n' "$password" > registry.url
fi
# Containers read them as another user: the folder keeps others out.
chmod 644 cert.pem key.pem ca.pem cluster.jwk admin.token registry.url redis.conf grafana.password
chmod 755 keys
chmod 644 keys/*
echo "secrets are in $PWD"
