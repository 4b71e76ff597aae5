# docker buildx build --platform linux/amd64,linux/arm64 -t why403 .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w" -o /why403 ./cmd/why403

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /why403 /why403
ENTRYPOINT ["/why403"]
