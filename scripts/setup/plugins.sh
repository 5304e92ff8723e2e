# shellcheck shell=bash
# Compose v2 and buildx, the two plugins of Docker's client that the stack is built
# and started with. Sourced; needs say.sh and debian.sh.
#
# Debian 12 has neither (its docker-compose is version 1). The programs of Debian 13 run
# there as they are, so its packages are unpacked, not installed: nothing else changes on the
# machine, and removing the plugin is removing one file.

has_compose_v2() { docker compose version --short 2>/dev/null | grep -qE '^v?([2-9]|[1-9][0-9])\.'; }
has_buildx() { docker buildx version >/dev/null 2>&1; }

plugin_folder() {
    if is_root; then printf '/usr/local/lib/docker/cli-plugins\n'; else printf '%s/.docker/cli-plugins\n' "$HOME"; fi
}

# Fetches a package of trixie by apt, which checks its signature, and puts the plugin inside it
# ($1, which is also the name of the package) where Docker's client looks.
unpack_plugin() {
    local name=$1 area=$2 folder
    folder=$(plugin_folder)
    (cd "$area" && quietly private_apt_get "$area" -o "Dir::Etc::sourcelist=$area/trixie.sources" \
        -o Dir::Etc::sourceparts=/nowhere download "$name") || return 1
    dpkg-deb --extract "$area/$name"_*.deb "$area/$name" || return 1
    mkdir -p "$folder"
    install -m 0755 "$(find "$area/$name" -path '*/cli-plugins/*' -name "$name" -type f)" "$folder/$name"
    say "unpacked $name $(dpkg-deb --field "$area/$name"_*.deb Version) from Debian trixie's packages into $folder"
}

ensure_plugins() {
    local missing=()
    has_compose_v2 || missing+=(docker-compose)
    has_buildx || missing+=(docker-buildx)
    ((${#missing[@]})) || return 0
    if ! is_debian; then
        fail "Docker's client lacks ${missing[*]} (Compose v2 and buildx are needed)" \
            "Install the packages docker-compose-plugin and docker-buildx-plugin." "$WITHOUT_DOCKER"
    fi
    find_debian_mirror
    local area name
    area=$(mktemp -d)
    trixie_sources >"$area/trixie.sources"
    quietly private_apt_get "$area" -o "Dir::Etc::sourcelist=$area/trixie.sources" \
        -o Dir::Etc::sourceparts=/nowhere update || fail "the package lists of Debian trixie could not be fetched" "$WITHOUT_DOCKER"
    for name in "${missing[@]}"; do
        unpack_plugin "$name" "$area" || fail "the package $name of Debian trixie could not be had" "$WITHOUT_DOCKER"
    done
    rm -rf "$area"
    if ! has_compose_v2 || ! has_buildx; then
        fail "the plugins were unpacked into $(plugin_folder), but Docker's client does not run them" "$WITHOUT_DOCKER"
    fi
}
