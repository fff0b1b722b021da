# The reference fleet and the holdfast command, with Node and nothing to build with.
#   docker build --tag holdfast-fleet:local .
# Where no image can be pulled, BASE is one imported from a root that debootstrap made: docs/kubernetes.md.
ARG BASE=debian:bookworm-slim
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends binutils ca-certificates libatomic1 npm
WORKDIR /build
COPY package.json package-lock.json ./
# Debian's npm runs on a Node that some packages refuse, and it leaves optional ones out then without a word.
RUN npm install --prefix /tools "node@$(node -p "require('./package.json').devDependencies.node")" npm@11
ENV PATH=/tools/node_modules/.bin:$PATH
COPY examples/fleet/package.json examples/fleet/
COPY examples/telemetry/package.json examples/telemetry/
# The lock names every workspace; of those, two are here. Optional packages are the compiler's for this platform, too.
RUN npm ci --workspace=examples/fleet --workspace=examples/telemetry --include-workspace-root
COPY tsconfig.json tsconfig.build.json tsconfig.image.json ./
COPY scripts/console-assets.ts scripts/
COPY src src
COPY examples/fleet examples/fleet
COPY examples/telemetry examples/telemetry
# Node comes from its npm package, the release that everything here is tested with.
# What browsers load of the console is bundled here: nothing is at run time. Of the client of Kubernetes, 36 MB with all that it needs,
# what the fleet uses is put into one file of 2 MB, and it is no package of the image.
RUN node_modules/node/bin/node node_modules/typescript/bin/tsc -p tsconfig.image.json \
  && node_modules/node/bin/node --input-type=module --eval \
    "await (await import('./scripts/console-assets.ts')).writeConsoleAssets('image/app/src/console/assets')" \
  && node_modules/node/bin/node node_modules/rolldown/bin/cli.mjs examples/fleet/src/provider/kubernetes-client.ts \
    --platform node --format esm --minify --file image/app/examples/fleet/src/provider/kubernetes-client.js \
  && mkdir -p image/bin image/machines && cp -L node_modules/node/bin/node /usr/lib/*/libatomic.so.1 image/bin/ && strip image/bin/node \
  && cp -r examples/fleet/schema image/app/examples/fleet/schema \
  && cp package.json image/app/ && cp examples/fleet/package.json image/app/examples/fleet/ \
  && npm prune --omit=dev --omit=optional --workspace=examples/fleet --workspace=examples/telemetry --include-workspace-root \
  && find node_modules \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete && mv node_modules image/app/

FROM ${BASE}
COPY --from=build /build/image/bin/node /usr/local/bin/node
COPY --from=build /build/image/bin/libatomic.so.1 /usr/lib/
COPY --from=build /build/image/app /app
# A volume that is mounted here for the first time is its user's.
COPY --from=build --chown=10001:10001 /build/image/machines /machines
ENV NODE_ENV=production
USER 10001:10001
WORKDIR /app
CMD ["node", "/app/examples/fleet/main.js", "fleet", "--help"]
