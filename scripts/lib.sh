# What scripts/run and scripts/test share: sourced, never run. It makes a machine with nothing but a
# Rust toolchain able to build the broker; it does not decide what is built or tested.
#
#   announce TEXT…       says on standard error what happens now
#   prepare_machine      the tools of the build, installed through apt where they are missing
#   prepare_build        RocksDB's archive, and the environment cargo links it by
#   build_release        the broker, optimised; sets FELICE_BIN
#
# FELICE_CACHE       everything that outlives a clone (default ~/.cache/felice)
# CARGO_TARGET_DIR   cargo's output (default FELICE_CACHE/target, so that a clean clone compiles only
#                    this repository and not its dependencies)

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export FELICE_CACHE=${FELICE_CACHE:-${HOME:?set HOME or FELICE_CACHE}/.cache/felice}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$FELICE_CACHE/target}

announce() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
give_up() {
    announce "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install WHY PACKAGE…
apt_install() {
    local why=$1
    shift
    command -v apt-get >/dev/null ||
        give_up "$why: this system has no apt-get, install what Debian calls: $*"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        give_up "$why: as root, run apt-get install --no-install-recommends $*"
    announce "installing $* with apt: $why"
    as_root apt-get update -q >/dev/null || give_up "apt-get update failed"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qy --no-install-recommends "$@" >/dev/null ||
        give_up "apt-get install $* failed"
}

have_file() { compgen -G "$1" >/dev/null; }
have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] || have_file '/usr/lib/llvm-*/lib/libclang*.so*' ||
        have_file '/usr/lib/*/libclang*.so*' || have_file '/usr/lib64/libclang*.so*'
}
# libclang alone knows no stddef.h; the compiler's own headers come in another package.
have_clang_headers() {
    have_file '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' ||
        have_file '/usr/lib/clang/*/include/stddef.h'
}
have_certificates() {
    [ -n "${SSL_CERT_FILE:-}" ] || [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls ]
}

# The number of Debian 12's clang; another Debian's is asked for by its unnumbered name.
clang_packages() {
    if apt-cache show libclang1-14 >/dev/null 2>&1 || grep -qs '^12' /etc/debian_version; then
        echo libclang1-14 libclang-common-14-dev
    else
        echo libclang-dev
    fi
}

prepare_rust() {
    # A login shell's PATH is not everywhere, rustup's folder is.
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    command -v cargo >/dev/null || give_up "there is no Rust toolchain: see https://rustup.rs"
    local wanted version
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$REPOSITORY/Cargo.toml" | head -n 1)
    version=$(cargo --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$version" "$wanted" | sort -V | head -n 1)" = "$wanted" ] ||
        give_up "Rust $version is too old, $wanted is needed: rustup update stable"
}

# prepare_components NAME…: cargo's own tools, which rustup's minimal profile leaves out.
prepare_components() {
    local name
    for name; do
        cargo "$name" --version >/dev/null 2>&1 && continue
        local component=${name/#fmt/rustfmt}
        command -v rustup >/dev/null || give_up "cargo $name is missing and there is no rustup"
        announce "installing $component with rustup"
        rustup component add "$component" || give_up "rustup component add $component failed"
    done
}

prepare_machine() {
    local missing=()
    command -v g++ >/dev/null || missing+=(g++)
    have_libclang && have_clang_headers || missing+=($(clang_packages))
    have_certificates || missing+=(ca-certificates)
    [ ${#missing[@]} = 0 ] ||
        apt_install "RocksDB is C++, and its Rust bindings are made with libclang" "${missing[@]}"
    prepare_rust
}

prepare_build() {
    mkdir -p "$FELICE_CACHE" "$CARGO_TARGET_DIR"
    if [ -z "${ROCKSDB_LIB_DIR:-}" ]; then
        compgen -G "$FELICE_CACHE/librocksdb-sys-*/librocksdb.a" >/dev/null ||
            announce "fetching the dependencies, then compiling RocksDB once for all builds"
        ROCKSDB_LIB_DIR=$("$REPOSITORY/scripts/build-rocksdb") || give_up "RocksDB was not built"
    fi
    announce "RocksDB is in $ROCKSDB_LIB_DIR"
    export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
}

build_release() {
    announce "building the broker with cargo in $CARGO_TARGET_DIR"
    (cd "$REPOSITORY" && cargo build --release --locked) || give_up "the broker was not built"
    export FELICE_BIN=$CARGO_TARGET_DIR/release/felice
}
