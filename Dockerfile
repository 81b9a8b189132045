# The API's image. `scripts/image-steps.sh` runs these steps without Docker and starts what they make.
FROM node:24-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN --mount=type=cache,target=/root/.npm npm run build

FROM node:24-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Production does not use the embedded database. Omitting all that is optional would omit the image library's own part for
# this platform, too.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts && rm -rf node_modules/@0q

FROM node:24-trixie-slim AS api
LABEL org.opencontainers.image.title="imaginaryStorage" \
      org.opencontainers.image.description="A self-hosted file-storage backend: streamed GraphQL uploads, pluggable blob stores, typed listings, plain HTTP downloads." \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=4000 \
    DATA_PATH=/data \
    UPLOAD_PATH=/data/blobs
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
# 1000 is the user `node` of the base image, by number so that an orchestrator can see it is not root. The program
# itself stays root's: the process can write to /data and nowhere else.
RUN mkdir -p /data/blobs && chmod -R 0700 /data && chown -R 1000:1000 /data
VOLUME ["/data"]
USER 1000:1000
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# In exec form, so that the stop signal reaches the process itself.
CMD ["node", "--no-memory-reducer", "--initial-heap-size=256", "dist/main.js"]
