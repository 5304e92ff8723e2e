# shellcheck shell=bash
# The two base images of the Dockerfile. Where an image registry answers, Docker pulls them.
# Where none does, stand-ins of the same names are built from Debian's packages and this machine's
# Rust toolchain, so that the same Dockerfile builds unchanged. Sourced; needs say.sh and debian.sh.

readonly STAND_IN_LABEL=radiodeck.stand-in
readonly REGISTRY_ANSWER_S=20
readonly PULL_DEADLINE_S=1200

# The Dockerfile is the only place that names them: every FROM that is not an earlier stage.
base_images() {
    awk 'toupper($1) == "FROM" { if (!($2 in stage)) print $2; if (toupper($3) == "AS") stage[$4] = 1 }' \
        "$REPOSITORY/Dockerfile" | sort -u
}

image_label() { docker image inspect --format "{{index .Config.Labels \"$STAND_IN_LABEL\"}}" "$1" 2>/dev/null; }

# A stand-in goes stale when its recipe, the mirror, the certificates or the toolchain change.
stand_in_stamp() {
    {
        cat "$REPOSITORY/scripts/setup/base_images.sh" "$REPOSITORY/docker/stand-in/rust.Dockerfile"
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true
        cat "$(machine_ca_bundle)" 2>/dev/null || true
        case $1 in rust:*) rustc --version --verbose 2>/dev/null || true ;; esac
    } | sha256sum | cut -c1-16
}

# present: as it should be; stale: a stand-in whose ingredients changed; absent.
image_state() {
    local label
    if ! label=$(image_label "$1"); then
        echo absent
    elif [ -z "$label" ] || [ "$label" = "$(stand_in_stamp "$1")" ]; then
        echo present
    else
        echo stale
    fi
}

# Pulls an image if a registry answers soon; once it has answered, a slow line gets its time. A pull
# says "Pulling from" only after the registry has spoken.
pull_if_registry_answers() {
    local log pull deadline=$((SECONDS + REGISTRY_ANSWER_S)) status=0
    log=$(mktemp)
    within "$PULL_DEADLINE_S" docker pull "$1" >"$log" 2>&1 &
    pull=$!
    while kill -0 "$pull" 2>/dev/null && ((SECONDS < deadline)) && ! grep -q 'Pulling from' "$log"; do sleep 0.1; done
    if ! grep -q 'Pulling from' "$log"; then kill "$pull" 2>/dev/null || true; fi
    wait "$pull" || status=$?
    if ((status)) && [ -s "$log" ]; then say "$1 cannot be pulled: $(tail -n 1 "$log")"; fi
    rm -f "$log"
    return "$status"
}

require_stand_in_tools() {
    if ! is_debian || ! is_root; then
        fail "no image registry answers, and stand-ins for the base images can be built only on Debian, as root" \
            "Missing: $1" "$WITHOUT_DOCKER"
    fi
    find_debian_mirror
    command -v debootstrap >/dev/null || {
        say "installing debootstrap (package debootstrap)"
        apt_install debootstrap || fail "debootstrap could not be installed" "$WITHOUT_DOCKER"
    }
}

# Leaves out what official slim images leave out too: fewer files make every later layer faster.
slim_down() {
    local root=$1
    cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/info/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
END
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    rm -rf "$root"/usr/share/{man,info,locale}/* "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
}

# Inside the image, apt must reach the same mirror in the same way.
adopt_machine_apt() {
    local root=$1 bundle
    rm -f "$root/etc/apt/sources.list"
    trixie_sources >"$root/etc/apt/sources.list.d/debian.sources"
    apt_network_settings >"$root/etc/apt/apt.conf.d/90machine"
    printf 'Acquire::Languages "none";\nAPT::Sandbox::User "root";\n' >"$root/etc/apt/apt.conf.d/90image"
    bundle=$(machine_ca_bundle)
    if mirror_is_https && [ -n "$bundle" ]; then cp "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"; fi
}

mirror_is_https() { case "$DEBIAN_MIRROR $DEBIAN_SECURITY_MIRROR" in *https://*) true ;; *) false ;; esac }

# debootstrap fetches with wget, which knows of proxies only from the environment.
apt_http_proxy() {
    local proxy
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    printf '%s' "${http_proxy:-${proxy:-}}"
}

build_debian_stand_in() {
    local image=$1 suite=trixie area include=()
    area=$(mktemp -d)
    if mirror_is_https; then include=(--include=ca-certificates); fi
    say "building a stand-in for $image (debootstrap, about half a minute)"
    http_proxy=$(apt_http_proxy) quietly debootstrap --variant=minbase "${include[@]}" \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$area/root" "$DEBIAN_MIRROR" ||
        fail "debootstrap could not build Debian $suite from this machine's mirror" "$WITHOUT_DOCKER"
    slim_down "$area/root"
    adopt_machine_apt "$area/root"
    tar -C "$area/root" --numeric-owner --exclude='./dev/*' -c . |
        docker import --change "LABEL $STAND_IN_LABEL=$(stand_in_stamp "$image")" --change 'CMD ["bash"]' - "$image" >/dev/null
    rm -rf "$area"
}

# What the compiler needs of its folder: no documentation, no sources, no other tools.
pack_toolchain() {
    local sysroot=$1 bundle=$2
    tar -c --owner=0 --group=0 \
        -C "$REPOSITORY/docker/stand-in" rust.Dockerfile \
        -C "$(dirname "$bundle")" --transform="s,^$(basename "$bundle")\$,ca-certificates.crt," --dereference "$(basename "$bundle")" \
        -C "$sysroot" --transform='s,^\(bin\|lib\)/,toolchain/\1/,' --exclude='lib/rustlib/src' \
        bin/cargo bin/rustc lib
}

build_rust_stand_in() {
    local image=$1 wanted have
    command -v rustc >/dev/null || fail "no image registry answers, and this machine has no Rust toolchain to make $image of" \
        "Install Rust by rustup (https://rustup.rs) and try again."
    wanted=$(sed -E 's/^rust:([0-9]+\.[0-9]+).*/\1/' <<<"$image")
    have=$(rustc --version | awk '{ print $2 }')
    case $have in
    "$wanted".*) ;;
    *) say "note: $image is stood in for by this machine's Rust $have" ;;
    esac
    say "building a stand-in for $image (gcc from Debian, Rust $have from this machine)"
    pack_toolchain "$(rustc --print sysroot)" "$(machine_ca_bundle)" |
        quietly docker buildx build --label "$STAND_IN_LABEL=$(stand_in_stamp "$image")" \
            --build-arg http_proxy="$(apt_http_proxy)" --file rust.Dockerfile --tag "$image" - ||
        fail "the stand-in for $image could not be built" "$WITHOUT_DOCKER"
}

ensure_base_images() {
    local image registry=unknown
    for image in $(base_images); do
        case $(image_state "$image") in
        present) continue ;;
        absent)
            if [ "$registry" != silent ] && pull_if_registry_answers "$image"; then
                say "pulled $image"
                continue
            fi
            registry=silent
            ;;
        esac
        require_stand_in_tools "$image"
        case $image in
        debian:*) build_debian_stand_in "$image" ;;
        rust:*) build_rust_stand_in "$image" ;;
        *) fail "there is no stand-in for the base image $image" ;;
        esac
    done
}
