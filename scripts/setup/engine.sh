# shellcheck shell=bash
# Docker Engine: is it there, does it answer, and if not, can it be had here?
# Sourced; needs say.sh and debian.sh.

readonly WITHOUT_DOCKER="Or run the same stack without Docker, on your own Postgres binaries: cargo run"

# The daemon is asked, not the client. A daemon that hangs counts as absent.
engine_answers() { within 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

engine_answers_within() {
    local deadline=$((SECONDS + $1))
    until engine_answers; do
        ((SECONDS < deadline)) || return 1
        sleep 0.5
    done
}

# Docker Engine and the tools it needs, from Debian's packages.
install_engine() {
    if ! is_debian || ! is_root; then
        fail "Docker is not installed, and it can be installed here only on Debian, as root" \
            "Install Docker Engine 20.10 or newer (https://docs.docker.com/engine/install/) and try again." \
            "$WITHOUT_DOCKER"
    fi
    say "installing Docker Engine (packages docker.io, iptables, ca-certificates)"
    local packages=(docker.io iptables ca-certificates)
    apt_install "${packages[@]}" || fail "Docker Engine could not be installed" "$WITHOUT_DOCKER"
    # From trixie on, the client is a package of its own.
    if ! command -v docker >/dev/null; then
        say "installing the Docker client (package docker-cli)"
        apt_install docker-cli || fail "the Docker client could not be installed" "$WITHOUT_DOCKER"
    fi
}

# Starts the daemon by whatever this machine starts services with. A container or a
# minimal machine has neither systemd nor a service script that works: there the
# daemon is started directly and outlives this script.
start_engine() {
    if [ -d /run/systemd/system ]; then
        say "starting Docker Engine (systemctl start docker)"
        quietly systemctl start docker || true
    elif [ -x /etc/init.d/docker ]; then
        say "starting Docker Engine (service docker start)"
        quietly service docker start || true
    fi
    if ! engine_answers_within 20; then
        say "starting Docker Engine (dockerd in the background, log in /var/log/dockerd.log)"
        setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null &
    fi
    engine_answers_within 60
}

ensure_engine() {
    if command -v docker >/dev/null && engine_answers; then return; fi
    if command -v docker >/dev/null && ! is_root; then
        fail "Docker does not answer to this user" \
            "Start it, or join its group (sudo usermod -aG docker \$USER, then log in again)." \
            "$WITHOUT_DOCKER"
    fi
    if ! command -v docker >/dev/null || { [ -z "${DOCKER_HOST:-}" ] && ! command -v dockerd >/dev/null; }; then
        install_engine
    fi
    [ -z "${DOCKER_HOST:-}" ] || fail "Docker at DOCKER_HOST=$DOCKER_HOST does not answer" "$WITHOUT_DOCKER"
    start_engine || fail "Docker Engine does not answer after it was started" \
        "See 'docker info', and its log: journalctl -u docker, or /var/log/dockerd.log." "$WITHOUT_DOCKER"
}
