FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="$VERSION" \
    && mkdir /data \
    && echo 'matterpass:x:65532:65532::/data:/none' > /tmp/passwd

# Nothing but the program, the certificate authorities and a name for the user:
# no shell, no package manager. Runs with a read-only root. Mount a volume at
# /data; there is no VOLUME line because Railway refuses to build such files.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /tmp/passwd /etc/passwd
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build /src/bin/matterpass /matterpass
USER 65532:65532
ENV DATABASE_URL=sqlite:///data/matterpass.db
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/matterpass", "healthcheck"]
ENTRYPOINT ["/matterpass"]
CMD ["serve"]
