#!/usr/bin/env bash
# Checks SQL with dt-sql-parser from npm: ddl.golden.sql as HiveQL, which is the
# dialect of Athena's DDL, the queries and samples/athena as Trino's.
# Status 3, with the reason on standard error: it can't run here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${WHY403_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/why403-ci}/dt-sql-parser-4.5.1

unable() { printf 'syntax: not run: %s\n' "$*" >&2; exit 3; }

command -v npm >/dev/null || unable "npm is not installed"
mkdir -p "$cache"
cp "$here/syntax.js" "$cache/"
cd "$cache"
[ -f package.json ] || echo '{"private": true}' >package.json
[ -d node_modules/dt-sql-parser ] || npm i --silent dt-sql-parser@4.5.1 esbuild@0.25.12 >&2 || unable "the packages can't be fetched from npm"
# The package is for bundlers only.
npx esbuild syntax.js --bundle --platform=node --log-level=error --outfile=bundle.js
node bundle.js "$here/ddl.golden.sql" "$here/queries.golden.sql" "$here"/../../../samples/athena/*.sql
