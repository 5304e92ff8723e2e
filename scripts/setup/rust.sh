# shellcheck shell=bash
# The Rust toolchain and the C compiler that some crates need. Sourced; needs say.sh and debian.sh.

PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

readonly RUST_WANTED=1.95

rust_is_new_enough() {
    command -v cargo >/dev/null && command -v rustc >/dev/null || return 1
    local have
    have=$(rustc --version | awk '{ print $2 }')
    [ "$(printf '%s\n%s\n' "$RUST_WANTED" "$have" | sort -V | head -n 1)" = "$RUST_WANTED" ]
}

# Debian has rustup from trixie on; elsewhere its own installer is a person's decision.
install_rust() {
    is_debian && is_root || return 1
    if ! command -v rustup >/dev/null; then
        apt_refresh && has_package rustup || return 1
        say "installing rustup (package rustup)"
        apt_install rustup || return 1
    fi
    say "installing Rust $RUST_WANTED (rustup toolchain install)"
    quietly rustup toolchain install "$RUST_WANTED" --profile minimal --component clippy,rustfmt &&
        quietly rustup default "$RUST_WANTED"
}

require_rust() {
    rust_is_new_enough || { install_rust && rust_is_new_enough; } ||
        fail "Rust $RUST_WANTED or newer is needed$(command -v rustc >/dev/null && printf ', and this is %s' "$(rustc --version)")" \
            "Install it by rustup: https://rustup.rs"
    if ! command -v cc >/dev/null; then
        if ! is_debian || ! is_root; then
            fail "there is no C compiler (cc), which some crates need" \
                "Install one: apt-get install gcc libc6-dev, dnf install gcc, xcode-select --install."
        fi
        say "installing a C compiler (packages gcc, libc6-dev)"
        apt_install gcc libc6-dev
    fi
}
