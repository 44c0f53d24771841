# Two images from one file:
#   docker build -t millrace .                        embedded: everything on this machine, with the ClickHouse engine
#   docker build -t millrace:slim --target slim .     without that engine, half a gigabyte smaller, for a ClickHouse server
# Both hold the clients of every other engine, so any of them can be named by its URL. README.md says how to run them.

FROM node:24-bookworm-slim AS build
WORKDIR /source
# The lockfile alone decides what is fetched, so changed source keeps this layer.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml .pnpmfile.cjs ./
RUN --mount=type=cache,id=millrace-pnpm,target=/pnpm \
    npm install --global "$(node -p 'require("./package.json").packageManager')" \
 && pnpm fetch --store-dir /pnpm/store
COPY . .
# The optional peers of the collector are its only development dependencies: the clients of the real engines. The
# packed packages go over the deployed ones, so the image holds what npm users install, at the lockfile's versions.
RUN --mount=type=cache,id=millrace-pnpm,target=/pnpm \
    pnpm install --frozen-lockfile --prefer-offline --store-dir /pnpm/store \
 && pnpm run build \
 && pnpm --filter @millrace/collector deploy --legacy --prefer-offline --store-dir /pnpm/store /app \
 && sh scripts/unpack-packages.sh /app \
 && find /app -name dist-types -type d -prune -exec rm -r {} + \
 && find /app -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete
# The native Pulsar client is not on npm but in a download of its own: `try` it, or `skip` it.
ARG PULSAR_NATIVE=try
RUN sh scripts/complete-pulsar-client.sh /app "$PULSAR_NATIVE"

FROM build AS build-slim
RUN rm -r /app/node_modules/chdb /app/node_modules/.pnpm/chdb@* /app/node_modules/.pnpm/@chdb+*

FROM node:24-bookworm-slim AS runtime
ARG MILLRACE_VERSION=0.1.0
ARG MILLRACE_REVISION=unknown
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="Customer data infrastructure that a web shop hosts itself" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$MILLRACE_VERSION" \
      org.opencontainers.image.revision="$MILLRACE_REVISION"
# A fixed number, so that a volume's owner stays the same over images and can be named in a manifest.
RUN groupadd --system --gid 10001 millrace \
 && useradd --system --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin millrace \
 && install --directory --owner 10001 --group 10001 --mode 0700 /data \
 && ln -s /app/dist/main.js /usr/local/bin/millrace
ENV NODE_ENV=production MILLRACE_HOST=0.0.0.0 MILLRACE_DATA=/data
WORKDIR /data
VOLUME /data
EXPOSE 8080
USER 10001:10001
STOPSIGNAL SIGTERM
# Ready means that an event sent now would be durable. The first start creates the stores.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MILLRACE_PORT || 8080}/readyz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["millrace"]
CMD ["serve"]

FROM runtime AS slim
COPY --from=build-slim /app /app

FROM runtime AS embedded
COPY --from=build /app /app
