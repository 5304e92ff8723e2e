# Stands in for the official Rust image where no image registry can be reached: the machine's own toolchain
# on the Debian stand-in. Built by scripts/docker-setup, which sends this file with the toolchain
# and the machine's certificates (builds must trust what the machine trusts to reach the crate registry).
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY toolchain /usr/local/toolchain
ENV CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
