# shellcheck shell=bash
# What the set-up needs to know of a Debian machine: whether it is one, how to install
# a package, and which mirror it uses. Sourced; needs say.sh.
#
# The mirror is never written down in this repository: apt itself is asked which one
# the machine has, so both of its list formats, their options and its proxies count.

is_root() { [ "$(id -u)" = 0 ]; }

is_debian() {
    [ -r /etc/os-release ] && command -v apt-get >/dev/null && grep -qE '^ID=debian$' /etc/os-release
}

# Fetches the package lists, once a run.
apt_refresh() {
    if [ -z "${APT_UPDATED:-}" ]; then
        quietly apt-get update
        APT_UPDATED=1
    fi
}

# Installs packages, asking nothing.
apt_install() {
    apt_refresh
    quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

has_package() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

# apt-get on a state folder of its own ($1), so that another release can be looked at
# without touching the machine's lists, and without being root.
private_apt_get() {
    local area=$1
    shift
    mkdir -p "$area/lists/partial" "$area/cache/archives/partial"
    local options=(-o "Dir::State::lists=$area/lists" -o "Dir::Cache=$area/cache" -o Debug::NoLocking=1)
    # The folder belongs to us, not to apt's own download user.
    if is_root; then options+=(-o APT::Sandbox::User=root); fi
    apt-get "${options[@]}" "$@"
}

# Prints "label|uri" for each of the machine's Debian sources: label is Debian or
# Debian-Security, uri is what a sources list would say. $1 is a private apt area.
debian_sources() {
    local area=$1
    quietly private_apt_get "$area" update || return 1
    # shellcheck disable=SC2016 # the names in $(..) are apt's
    private_apt_get "$area" indextargets \
        --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
        awk -F'|' '$1 == "Debian" && $3 == "main" && $4 !~ /updates|backports/ { print $2 "|" $5 }' |
        sort -u
}

# Finds the mirrors for Debian trixie that this machine can use, once a run:
# sets DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR (may be empty).
find_debian_mirror() {
    [ -z "${DEBIAN_MIRROR:-}" ] || return 0
    local area sources
    area=$(mktemp -d)
    sources=$(debian_sources "$area") || sources=
    rm -rf "$area"
    DEBIAN_MIRROR=$(sed -n 's/^Debian|//p' <<<"$sources" | head -n 1)
    DEBIAN_SECURITY_MIRROR=$(sed -n 's/^Debian-Security|//p' <<<"$sources" | head -n 1)
    [ -n "$DEBIAN_MIRROR" ] || fail "apt on this machine knows no Debian mirror, so nothing can be fetched from one" \
        "Add one to /etc/apt/sources.list.d, or run the stack without Docker: cargo run"
}

# The deb822 sources of trixie on the machine's own mirror.
trixie_sources() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$DEBIAN_MIRROR" "$keyring"
    if [ -n "$DEBIAN_SECURITY_MIRROR" ]; then
        printf '\nTypes: deb\nURIs: %s\nSuites: trixie-security\nComponents: main\nSigned-By: %s\n' \
            "$DEBIAN_SECURITY_MIRROR" "$keyring"
    fi
}

# The part of apt's configuration that says how the mirror is reached (proxies, and
# whether its clock is to be believed), in apt's own format. Paths of certificates
# are left out: they name files of this machine.
apt_network_settings() {
    apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date|ForceIPv4|Retries)\b' |
        grep -vE '::(CaInfo|SslCert|SslKey)\b' | grep -v ' "";$' || true
}

# The certificates this machine trusts, its own additions among them.
machine_ca_bundle() {
    local bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
    if [ -r "$bundle" ]; then printf '%s\n' "$bundle"; fi
}
