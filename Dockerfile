# syntax=docker/dockerfile:1
# A relay in a container: docker build -t moqmesh . (docs/deploy/containers.md)

# Debian 12 in all stages, so that the engine finds the C library that it was linked with.
FROM node:24-bookworm-slim AS node

FROM rust:1.95-slim-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
# The engine first: it changes least, and takes longest.
COPY scripts/build-engine.js scripts/
COPY engine engine
RUN node scripts/build-engine.js
COPY package.json package-lock.json ./
RUN MOQMESH_SKIP_ENGINE=1 npm ci --no-audit --no-fund
COPY . .
RUN npm run build \
 && mkdir -p /app/web /app/engine /app/node_modules /state \
 && cp -r bin dist configs package.json LICENSE-MIT LICENSE-APACHE /app/ \
 && cp -r node_modules/rwebtransport /app/node_modules/ \
 && cp -r web/dist /app/web/dist \
 && cp engine/moqmesh-engine.*.node /app/engine/

# No shell and no package manager. `nonroot` is user 65532.
FROM gcr.io/distroless/nodejs24-debian12:nonroot
COPY --from=build /app /app
COPY --from=build --chown=65532:65532 /state /var/lib/moqmesh
ENV MOQMESH_TLS_STATE_DIR=/var/lib/moqmesh \
    MOQMESH_LOG_FORMAT=json
VOLUME ["/var/lib/moqmesh"]
# Clients over QUIC and over WebSocket, relays, and health checks. The admin listener stays inside.
EXPOSE 4443/udp 4443/tcp 4445/udp 4445/tcp 4446/tcp
# The relay drains: give it the time, with `docker stop --time` or `stop_grace_period`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=2 \
  CMD ["/nodejs/bin/node", "/app/bin/moqmesh.js", "health", "--config", "/etc/moqmesh/relay.toml"]
ENTRYPOINT ["/nodejs/bin/node", "/app/bin/moqmesh.js"]
CMD ["serve", "/etc/moqmesh/relay.toml"]
