# The images of the stack. One stage compiles every program; each image then holds one program
# and its configuration, and runs as user 10001 on a read-only root.

FROM rust:1.95-slim-trixie AS build
COPY docker/builder/sync-sources /usr/local/bin/
COPY Cargo.toml Cargo.lock /context/
COPY migrations /context/migrations
COPY data /context/data
COPY config /context/config
COPY crates /context/crates
COPY tests /context/tests
# Sources, dependencies and everything compiled live in caches that outlast this build, so that a small change
# costs what cargo needs for it. Caches are no part of the image: the programs are copied out. One build at a
# time, since compose builds the images side by side and all of them pass here.
RUN --mount=type=cache,id=radiodeck-crates,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=radiodeck-build,target=/cache,sharing=locked \
    sync-sources /context /cache/src \
    && cd /cache/src \
    && CARGO_TARGET_DIR=/cache/target cargo build --release --locked \
        -p radiodeck-dns -p radiodeck-lb -p radiodeck-app -p radiodeck \
    && mkdir -p /out \
    && cd /cache/target/release \
    && cp radiodeck-dns radiodeck-lb radiodeck-app radiodeck /out/

# The user, and the folders that secrets and the balancers' certificates are mounted on. A fresh named volume takes
# owner and mode from the folder of the image that first mounts it, whichever that is: so every image has those
# that it may mount.
FROM debian:trixie-slim AS base
RUN groupadd --gid 10001 radiodeck \
    && useradd --uid 10001 --gid 10001 --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin radiodeck \
    && install -d -o 10001 -g 10001 -m 0700 /run/secrets/app /run/secrets/owner /run/secrets/db \
        /var/lib/radiodeck/tls
USER 10001:10001

# Each image overrides from its service's configuration what is different in a container: where it listens.
# The admin listener is for the health check and the private network; no port of it is published.
FROM base AS dns
ENV RADIODECK_DNS__LISTEN='["0.0.0.0:5300"]' \
    RADIODECK_DNS__ZONE_DIR=/etc/radiodeck/zones \
    RADIODECK_DNS__SERVICE__ADMIN_LISTEN=0.0.0.0:9100
COPY --from=build /out/radiodeck-dns /usr/local/bin/
COPY config/zones /etc/radiodeck/zones
COPY config/dns.toml /etc/radiodeck/
ENTRYPOINT ["radiodeck-dns", "--config", "/etc/radiodeck/dns.toml"]

FROM base AS lb
ENV RADIODECK_LB__LISTEN=0.0.0.0:8080 \
    RADIODECK_LB__SERVICE__ADMIN_LISTEN=0.0.0.0:9100
COPY --from=build /out/radiodeck-lb /usr/local/bin/
COPY config/lb.toml /etc/radiodeck/
ENTRYPOINT ["radiodeck-lb", "--config", "/etc/radiodeck/lb.toml"]

FROM base AS app
ENV RADIODECK_APP__LISTEN=0.0.0.0:8000 \
    RADIODECK_APP__SERVICE__ADMIN_LISTEN=0.0.0.0:9100
COPY --from=build /out/radiodeck-app /usr/local/bin/
COPY config/app.toml /etc/radiodeck/
ENTRYPOINT ["radiodeck-app", "--config", "/etc/radiodeck/app.toml"]

# The operator's command line: writes the secrets, migrates the database, imports stations.
FROM base AS radiodeck
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/radiodeck /usr/local/bin/
COPY config/migrate.toml /etc/radiodeck/
ENTRYPOINT ["radiodeck"]

# What the database's nodes agree through: who the primary is.
FROM debian:trixie-slim AS etcd
RUN export DEBIAN_FRONTEND=noninteractive \
    && groupadd --gid 10001 etcd \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/etcd --no-create-home --shell /usr/sbin/nologin etcd \
    && apt-get update \
    && apt-get install -y --no-install-recommends etcd-server etcd-client \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/etcd
USER 10001:10001
ENTRYPOINT ["etcd"]

# Postgres, run by Patroni. User 10001 too, under the name that Postgres's superuser has: that is how the superuser gets
# in over the local socket without a password, and in no other way.
FROM debian:trixie-slim AS postgres
RUN export DEBIAN_FRONTEND=noninteractive \
    && groupadd --gid 10001 postgres \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/postgresql --no-create-home --shell /bin/bash postgres \
    && mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/none.conf \
    && apt-get update \
    && apt-get install -y --no-install-recommends postgresql-17 patroni python3-etcd python3-dnspython \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && install -d -o 10001 -g 10001 -m 0700 /run/secrets/app /run/secrets/owner /run/secrets/db \
        /var/lib/postgresql /run/postgresql
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PATRONICTL_CONFIG_FILE=/etc/radiodeck/patroni.yml \
    PYTHONDONTWRITEBYTECODE=1
COPY docker/postgres/conf /etc/radiodeck
COPY docker/postgres/bin /usr/local/bin
USER 10001:10001
# SIGTERM, the usual: Patroni stops Postgres, waits until a replica has everything, and hands over.
ENTRYPOINT ["with-passwords", "patroni", "/etc/radiodeck/patroni.yml"]
