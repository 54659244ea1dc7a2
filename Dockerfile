# An image of the broker: one program, not root, data in /var/lib/felice.
#
#   docker build -t felice .
#   docker run -p 9092:9092 -v felice-data:/var/lib/felice felice
#
# Clients are told to connect to FELICE_ADVERTISED_LISTENERS; README.md says how to set it.
# scripts/image-test builds this file and runs a client against what comes out.

FROM rust:1-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ libclang1-14 libclang-common-14-dev \
 && rm -rf /var/lib/apt/lists/*
ENV FELICE_CACHE=/cache ROCKSDB_STATIC=1
WORKDIR /felice
# RocksDB depends on the lock file alone: a layer of its own, so that a change of our code does not
# compile it again. The empty sources only make the manifests complete.
COPY Cargo.toml Cargo.lock ./
COPY protocol-tests/Cargo.toml protocol-tests/
COPY scripts/build-rocksdb scripts/
RUN mkdir -p src protocol-tests/src \
 && touch src/lib.rs src/main.rs protocol-tests/src/lib.rs \
 && scripts/build-rocksdb
COPY config config
COPY src src
RUN touch src/lib.rs src/main.rs \
 && ROCKSDB_LIB_DIR="$(scripts/build-rocksdb)" cargo build --release --locked --bin felice \
 && install -D --strip target/release/felice /out/felice

FROM debian:bookworm-slim
# libstdc++ is all that the program needs besides the C library; apt itself brings it.
RUN useradd --uid 10092 --user-group --no-create-home --shell /usr/sbin/nologin felice \
 && install -d -o felice -g felice /var/lib/felice
COPY --from=build /out/felice /usr/local/bin/felice
USER felice
EXPOSE 9092
VOLUME /var/lib/felice
ENV FELICE_LISTENERS=PLAINTEXT://0.0.0.0:9092 \
    FELICE_ADVERTISED_LISTENERS=PLAINTEXT://localhost:9092
# A start reads the log again after a crash, so it is given time; docs/ARCHITECTURE.md says how much
# there is to read.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD felice health "$FELICE_LISTENERS"
# The shell only fills in the two variables; `exec` makes the broker the process that gets signals.
# Arguments of `docker run` come last, so they win over what is set here.
ENTRYPOINT ["/bin/sh", "-c", "exec felice serve --data-dir /var/lib/felice --set \"listeners=$FELICE_LISTENERS\" --set \"advertised.listeners=$FELICE_ADVERTISED_LISTENERS\" \"$@\"", "felice"]
