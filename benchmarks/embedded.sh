#!/usr/bin/env bash
# Loads, searches, stops, starts and kills the embedded store of a checkout that was built by "dotnet build -c Release".
# Takes some minutes and 300 MB a million spans. What compares versions: run it with each, one after the other.
#     benchmarks/embedded.sh [traces of 10 spans, 100000] [checkout, this one]
# PORT (9461), ROUNDS of each search (20), SETTLE seconds after the load (75), DATA, the folder (a temporary one)
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
traces=${1:-100000} checkout=${2:-$here} port=${PORT:-9461}
data=${DATA:-$(mktemp -d)} url=http://127.0.0.1:${PORT:-9461}
load() {
    dotnet "$here/artifacts/bin/Tracing.LoadGenerator/release/Tracing.LoadGenerator.dll" "$url" \
        --traces "$traces" --seed 1 --server-pid "$server" "$@" | grep -v '^{' || true
}

start() {
    local begun
    begun=$(date +%s%N)
    dotnet "$checkout/artifacts/bin/Tracing.Server/release/tracing.dll" --Tracing:Address=127.0.0.1 \
        --Tracing:Port="$port" --Tracing:OtlpHttpPort=-1 --Tracing:GrpcPort=-1 --Tracing:Storage:Path="$data/spans" \
        --Tracing:Storage:HotWindow=1.00:00:00 >"$data/server.log" 2>&1 &
    server=$!
    until curl -fs "$url/health" >/dev/null 2>&1; do
        kill -0 "$server" || { cat "$data/server.log"; exit 1; }
        sleep 0.05
    done
    echo "ready after $((($(date +%s%N) - begun) / 1000000)) ms"
}

finish() { kill -9 "$server" 2>/dev/null || true; rm -rf "$data"; }
trap finish EXIT
cpu() { awk '{ print "CPU seconds in all:", ($14 + $15) / 100 }' "/proc/$server/stat"; }
room() { echo "$1: $(du -sb "$data/spans" | cut -f1) bytes"; }

start
load --format otlp --connections 8 --batch 512 --data-dir "$data/spans"
sleep "${SETTLE:-75}"
cpu && room settled
load --search "${ROUNDS:-20}"
end=$(date +%s) start=$(($(date +%s) - 86400))
for query in '{ status = error }' '{ duration > 50ms }' '{ }'; do
    for _ in 1 2 3; do
        curl -fsG -o /dev/null -w "facets of $query: %{time_total} s\n" "$url/api/tracing/facets" \
            --data-urlencode "q=$query" -d "start=$start" -d "end=$end" || echo "no answer"
    done
done
grep VmHWM "/proc/$server/status"
kill -TERM "$server" && wait "$server" || true
room stopped
start
curl -s -o /dev/null -w 'services after a stop: %{time_total} s\n' "$url/api/v2/services"
kill -9 "$server" && wait "$server" || true
start
