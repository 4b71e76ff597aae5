#!/usr/bin/env bash
# Starts and stops a Trino of two nodes, the double of Athena's engine for the
# tests with build tag trino.
#
#   eval "$(trino.sh start DIR)"   # DIR: a scratch directory; prints the tests' environment
#   trino.sh stop DIR
#
# The server comes from Maven Central (450 MB to fetch) and is kept under
# WHY403_CI_CACHE. Its tables are defined by a Glue that the test itself serves,
# its data lies in the S3 server at WHY403_TEST_S3 (WHY403_TEST_S3_KEY,
# WHY403_TEST_S3_SECRET).
#
# Status 3, with the reason on standard error: it can't run here.
set -euo pipefail

VERSION=476 # runs on Java 24 and later
JAVA_FLOOR=24
HEAP=${WHY403_TRINO_HEAP:-1G} # of each of the two
cache=${WHY403_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/why403-ci}
home=$cache/trino-$VERSION

unable() { printf 'trino: not run: %s\n' "$*" >&2; exit 3; }

find_java() {
  local j v
  for j in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
    [ -x "$j/bin/java" ] || continue
    v=$("$j/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    [ "${v:-0}" -ge $JAVA_FLOOR ] && { echo "$j"; return; }
  done
  unable "Java $JAVA_FLOOR or later is not installed"
}

artifact() { # ARTIFACT TYPE: print its path in the local repository
  local repo=${MAVEN_REPO:-$HOME/.m2/repository}
  local path=$repo/io/trino/$1/$VERSION/$1-$VERSION.$2
  [ -f "$path" ] || timeout 300 mvn -q -B -Dmaven.repo.local="$repo" dependency:get -Dartifact="io.trino:$1:$VERSION:$2" -Dtransitive=false >&2 ||
    unable "io.trino:$1:$VERSION:$2 can't be fetched from Maven Central within 5 minutes"
  echo "$path"
}

fetch() {
  [ -f "$home/complete" ] && return
  command -v mvn >/dev/null || unable "mvn is not installed"
  command -v unzip >/dev/null || unable "unzip is not installed"
  local core hive
  core=$(artifact trino-server-core tar.gz)
  hive=$(artifact trino-hive zip)
  rm -rf "$home"; mkdir -p "$home"
  tar xzf "$core" -C "$home" --strip-components 1
  find "$home/plugin" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
  unzip -q "$hive" -d "$home/plugin"
  mv "$home/plugin/trino-hive-$VERSION" "$home/plugin/hive"
  touch "$home/complete"
}

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

node() { # DIR NAME PORT COORDINATOR DISCOVERY-PORT GLUE-PORT
  local dir=$1/$2
  mkdir -p "$dir/etc/catalog" "$dir/data"
  cat >"$dir/etc/config.properties" <<END
coordinator=$4
http-server.http.port=$3
discovery.uri=http://127.0.0.1:$5
node.internal-address=127.0.0.1
query.max-memory-per-node=400MB
catalog.management=static
END
  [ "$4" = true ] && echo node-scheduler.include-coordinator=true >>"$dir/etc/config.properties"
  cat >"$dir/etc/node.properties" <<END
node.environment=why403
node.id=why403-$2
node.data-dir=$dir/data
END
  cat >"$dir/etc/jvm.config" <<END
-server
-Xmx$HEAP
-XX:+UseSerialGC
-XX:+ExitOnOutOfMemoryError
-XX:-OmitStackTraceInFastThrow
-XX:ReservedCodeCacheSize=256M
-Djdk.attach.allowAttachSelf=true
-Djdk.nio.maxCachedBufferSize=2000000
--add-modules=jdk.incubator.vector
END
  echo io.trino=WARN >"$dir/etc/log.properties"
  cat >"$dir/etc/catalog/awsdatacatalog.properties" <<END
connector.name=hive
hive.metastore=glue
hive.metastore.glue.endpoint-url=http://127.0.0.1:$6
hive.metastore.glue.region=us-east-1
hive.metastore.glue.aws-access-key=test
hive.metastore.glue.aws-secret-key=test
hive.recursive-directories=true
hive.table-statistics-enabled=false
hive.partition-projection-enabled=true
hive.max-partitions-per-scan=1000000
fs.native-s3.enabled=true
s3.endpoint=$WHY403_TEST_S3
s3.region=us-east-1
s3.path-style-access=true
s3.aws-access-key=$WHY403_TEST_S3_KEY
s3.aws-secret-key=$WHY403_TEST_S3_SECRET
END
  (cd "$home" && JAVA_HOME=$java PATH=$java/bin:$PATH \
    exec bin/launcher run --etc-dir "$dir/etc" --data-dir "$dir/data" >"$dir/log" 2>&1 </dev/null) &
  echo $! >"$dir/pid"
}

start() {
  : "${WHY403_TEST_S3:?start an S3 server first}"
  java=$(find_java)
  fetch
  mkdir -p "$1"
  local port glue worker
  port=$(free_port); worker=$(free_port); glue=$(free_port)
  node "$1" coordinator "$port" true "$port" "$glue"
  node "$1" worker "$worker" false "$port" "$glue"
  for _ in $(seq 180); do
    if curl -sf "http://127.0.0.1:$port/v1/info" 2>/dev/null | grep -q '"starting":false' &&
      curl -sf "http://127.0.0.1:$worker/v1/info" 2>/dev/null | grep -q '"starting":false'; then
      echo "export WHY403_TEST_TRINO=http://127.0.0.1:$port WHY403_TEST_TRINO_GLUE=127.0.0.1:$glue"
      return
    fi
    for n in coordinator worker; do
      kill -0 "$(cat "$1/$n/pid")" 2>/dev/null || { tail -5 "$1/$n/log" >&2; stop "$1"; unable "the $n ended at its start"; }
    done
    sleep 1
  done
  stop "$1"
  unable "it did not start within three minutes"
}

stop() {
  local n pid
  for n in worker coordinator; do
    pid=$(cat "$1/$n/pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
    kill -9 "$pid" 2>/dev/null || true
  done
}

case ${1:-} in
start | stop) "$1" "${2:?a directory}" ;;
*) sed -n '2,12p' "$0" >&2; exit 2 ;;
esac
