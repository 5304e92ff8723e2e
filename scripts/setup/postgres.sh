# shellcheck shell=bash
# Postgres's server binaries, which `cargo run` and the tests start servers from. No server of the
# machine's own is made or started. Sourced; needs say.sh and debian.sh.

readonly OLDEST_POSTGRES=15

# Prints the major version of each set of server binaries that radiodeck itself would find.
postgres_versions() {
    local binary
    for binary in "$(command -v postgres)" /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
        /opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres; do
        if [ -x "$binary" ]; then "$binary" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'; fi
    done
}

has_postgres() { postgres_versions | awk -v oldest="$OLDEST_POSTGRES" '$1 >= oldest { found = 1 } END { exit !found }'; }

ensure_postgres() {
    if has_postgres; then return; fi
    if ! is_debian || ! is_root; then
        fail "Postgres $OLDEST_POSTGRES or newer is not installed" \
            "Install its server and contrib packages: apt-get install postgresql, dnf install postgresql-server postgresql-contrib," \
            "brew install postgresql@17. No server needs to run."
    fi
    say "installing Postgres's server binaries (package postgresql; no cluster is made, none is started)"
    # Debian's package makes a cluster and starts it unless it is told not to.
    local no_cluster=/etc/postgresql-common/createcluster.d/radiodeck-setup.conf status=0
    mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' >"$no_cluster"
    apt_install postgresql || status=$?
    rm -f "$no_cluster"
    if ((status)) || ! has_postgres; then fail "Postgres $OLDEST_POSTGRES or newer could not be installed"; fi
}
