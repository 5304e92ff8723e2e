# shellcheck shell=bash
# The Rust toolchain and the C compiler that some crates need. Sourced; needs say.sh and debian.sh.

PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

require_rust() {
    command -v cargo >/dev/null || fail "cargo is not installed" \
        "Install Rust 1.95 or newer by rustup: https://rustup.rs"
    if ! command -v cc >/dev/null; then
        if ! is_debian || ! is_root; then
            fail "there is no C compiler (cc), which some crates need" \
                "Install one: apt-get install gcc libc6-dev, dnf install gcc, xcode-select --install."
        fi
        say "installing a C compiler (packages gcc, libc6-dev)"
        apt_install gcc libc6-dev
    fi
}
