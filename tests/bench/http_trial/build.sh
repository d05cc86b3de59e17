#!/usr/bin/env bash
# Compiles the servers of the trial into DIRECTORY. Needs, besides what the product needs, Debian's wrk, libmicrohttpd-dev and
# libboost-coroutine1.74-dev; and a build of the product for `ours`.
#
#   tests/bench/http_trial/build.sh DIRECTORY [BUILD]
set -euo pipefail
cd "$(dirname "$0")/../../.."
to=$1 built=${2:-build/release}
here=tests/bench/http_trial
mkdir -p "$to"
compile() { g++ -O2 -std=c++20 -I. $here/"$1".cpp -o "$to/$1" "${@:2}" -lpthread; }
compile beast_threads
compile beast_callbacks
compile beast_coroutines -lboost_coroutine -lboost_context
compile httplib_threads -DCPPHTTPLIB_OPENSSL_SUPPORT -lcpp-httplib -lssl -lcrypto
compile microhttpd -lmicrohttpd
compile ours "$built"/libactors_gateway.a "$built"/libactors_blobs.a "$built"/libevents_base.a -lcpp-httplib -lssl -lcrypto
