#!/usr/bin/env bash
# Figures and faults of the store in Cassandra. Starts its nodes and servers itself, and stops them.
#
#   benchmarks/cassandra.sh figures DIR [TRACES]   one node with 3 GiB; load, room, searches; 400000 traces by default
#   benchmarks/cassandra.sh faults DIR             three nodes with 1 GiB, replication 3; nodes and a collector fail
#
# DIR keeps what the nodes write and must be empty or absent. CASSANDRA names the command that runs a node
# (../shared/cassandra/cassandra by default), whose help says what it takes. The nodes are at 127.0.0.N and on, N being
# NODE (11), the servers at ports from PORT (24001) on. RATE bounds spans a second; with SEARCH=0 nothing is searched.
# Needs Java 17, curl and python3.
set -euo pipefail
mode=${1:-} dir=${2:-}
[ -n "$dir" ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
cassandra=${CASSANDRA:-$here/../shared/cassandra/cassandra}
server=$here/artifacts/bin/Tracing.Server/release/tracing.dll
load=$here/artifacts/bin/Tracing.LoadGenerator/release/Tracing.LoadGenerator.dll
first=${PORT:-24001}
net=127.0.0. node=${NODE:-11}
mkdir -p "$dir"
pids=() nodes=()

finish() {
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    for node in "${nodes[@]}"; do "$cassandra" stop "$node" >/dev/null 2>&1 || true; done
}
trap finish EXIT

address() { echo "$net$((node + $1 - 1))"; } # of a node, by its number

node() { # starts a node, the first time or again: number, heap
    nodes+=("$dir/node$1")
    "$cassandra" start "$dir/node$1" --address "$(address "$1")" --seed "$(address 1)" --heap "$2"
}

cpu() { # seconds of CPU that the first node has taken
    local pid
    pid=$(cat "$dir/node1/pid")
    awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / ticks }' "/proc/$pid/stat"
}

serve() { # starts a server: number, role, more settings; its pid is in $pid
    local port=$((first + $1)) role=$2
    shift 2
    dotnet "$server" --Tracing:Role="$role" --Tracing:Address=127.0.0.1 --Tracing:Port=$port --Tracing:OtlpHttpPort=-1 \
        --Tracing:GrpcPort=-1 --Tracing:Storage:Kind=cassandra --Tracing:Storage:Cassandra:ContactPoints="$(address 1)" \
        --Tracing:Query:Timeout=00:05:00 "$@" >>"$dir/server-$port.log" 2>&1 &
    pid=$!
    pids+=("$pid")
    for _ in $(seq 300); do
        curl -fs "http://127.0.0.1:$port/health" >/dev/null && return
        sleep 0.2
    done
    echo "the server at $port did not start" && tail "$dir/server-$port.log" && exit 1
}

url() { echo "http://127.0.0.1:$((first + $1))"; }

# What is stored (from the spans) and what is counted (from the histograms), against what was sent.
check() { # number of a query server, spans sent
    sleep 15
    python3 - "$(url "$1")" "$2" <<'PY'
import json, sys, time, urllib.parse, urllib.request
url, sent = sys.argv[1], int(sys.argv[2])
now = int(time.time())
window = f"start={now - 7200}&end={now + 3600}"
facets = json.load(urllib.request.urlopen(url + "/api/tracing/facets?q=%7B%7D&keys=service&" + window, timeout=300))
metrics = urllib.request.Request(url + "/metrics", headers={"Accept": "application/openmetrics-text"})
lines = urllib.request.urlopen(metrics, timeout=300).read().decode().split("\n")
counted = sum(float(line[line.rindex("}") + 2:].split(" ")[0]) for line in lines
              if line.startswith("traces_spanmetrics_calls_total{"))
print(f"sent {sent}, stored {facets['spans']:.0f} in {facets['traces']:.0f} traces, counted {counted:.0f}")
# of some traces: all ten spans must be found by search and by id
cursor, found, whole = "", 0, 0
for page in range(20):
    answer = json.load(urllib.request.urlopen(f"{url}/api/tracing/search?q=%7B%7D&limit=100&{window}{cursor}", timeout=300))
    ids = [trace["traceId"] for trace in answer["traces"]]
    found += len(ids)
    by_id = json.load(urllib.request.urlopen(f"{url}/api/v2/traceMany?traceIds={','.join(ids)}", timeout=300))
    whole += sum(len(trace) == 10 for trace in by_id) + sum(trace["spanCount"] == 10 for trace in answer["traces"])
    if not answer.get("next"):
        break
    cursor = "&cursor=" + urllib.parse.quote(answer["next"])
print(f"of {found} traces found by search, {found - whole / 2:.0f} lack spans there or by id")
sys.exit(0 if facets["spans"] == sent == counted and whole == 2 * found else 1)
PY
}

statistics() { # times statistics of 24 hours: number of a query server
    local path times
    for path in "services?" "services/frontend/operations?" "heatmap?service=frontend&"; do
        times=$(for _ in $(seq 20); do
            curl -fs -o /dev/null -w '%{time_total}\n' \
                "$(url "$1")/api/tracing/${path}start=$(($(date +%s) - 86400))&end=$(($(date +%s) + 3600))"
        done)
        echo "24 hours of ${path%[?&]}: $(sort -n <<<"$times" | sed -n 10p) s, $(head -1 <<<"$times") s the first time"
    done
}

figures() {
    local traces=${3:-400000}
    node 1 3G
    serve 1 collector
    local collector=$pid
    serve 2 query
    local end=$(date +%s%3N) before=$(cpu)
    dotnet "$load" "$(url 1)" --format otlp --traces "$traces" --connections 8 --batch 512 --seed 1 --end-ms $end \
        --rate "${RATE:-0}" --server-pid "$collector"
    "$cassandra" nodetool "$dir/node1" flush tracing
    "$cassandra" nodetool "$dir/node1" compact tracing
    echo "$(cpu) $before" | awk -v n=$traces '{ printf "node: %.1f CPU s per million spans\n", ($1 - $2) / n * 1e5 }'
    "$cassandra" nodetool "$dir/node1" tablestats tracing | grep -E "Table:|live\)|Number of part|row count" || true
    du -sb "$dir"/node1/data/data/tracing | awk -v n=$((traces * 10)) '{ printf "%.1f bytes a span\n", $1 / n }'
    check 2 $((traces * 10))
    # dependencies are counted from all traces, which takes seconds
    [ "${SEARCH:-1}" = 0 ] || dotnet "$load" "$(url 2)" --search 20 --traces "$traces" --seed 1 --end-ms $end --without dependencies
    statistics 2
}

faults() {
    for number in 1 2 3; do node $number 1G; done
    serve 1 collector --Tracing:Storage:Cassandra:Replication=3
    local one=$pid
    serve 2 collector
    local two=$pid
    serve 3 query
    local traces=${3:-20000} sent=0 seed=1 rate=${RATE:-4000} failed=0
    memory() { # the most memory that a process has had, MiB
        awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$1/status"
    }
    during() { # what is called, then the commands that do it; half of the load goes to each collector
        echo "== $1"
        shift
        local loads=() of
        for of in 1 2; do
            dotnet "$load" "$(url $of)" --traces $traces --seed $seed --rate $((rate / 2)) --give-up 300 \
                >"$dir/load-$of.log" &
            loads+=($!)
            seed=$((seed + 1))
        done
        sleep 10
        "$@"
        for of in 1 2; do
            wait "${loads[$((of - 1))]}" || failed=1
            grep -E '^[0-9,]+ (spans|requests)' "$dir/load-$of.log" | sed "s/^/collector $of: /"
        done
        sent=$((sent + 20 * traces))
        check 3 $sent || failed=1
        echo "memory of the collectors at most: $(memory $one), $(memory $two) MiB"
    }
    collector_killed() {
        kill -KILL $one
        sleep 5
        serve 1 collector
        one=$pid
    }
    node_killed() {
        "$cassandra" kill "$dir/node2"
        sleep 20
        node 2 1G
    }
    node_paused() {
        "$cassandra" pause "$dir/node3"
        sleep 60
        "$cassandra" resume "$dir/node3"
    }
    two_paused() {
        "$cassandra" pause "$dir/node2"
        "$cassandra" pause "$dir/node3"
        sleep 60
        "$cassandra" resume "$dir/node2"
        "$cassandra" resume "$dir/node3"
    }
    two_killed() {
        "$cassandra" kill "$dir/node2"
        "$cassandra" kill "$dir/node3"
        sleep 60
        node 2 1G
        node 3 1G
    }
    during "a collector is killed and starts again" collector_killed
    during "a node is killed and starts again" node_killed
    during "a node hangs for a minute" node_paused
    during "two of three nodes hang for a minute" two_paused
    during "two of three nodes are killed and start again after a minute" two_killed
    [ $failed = 0 ] || { echo "spans were lost or doubled, or a load failed" && exit 1; }
}

case $mode in
    figures | faults) "$mode" "$@" ;;
    *) echo "unknown: $mode" && exit 2 ;;
esac
