#!/usr/bin/env bash
# Installs the real clients and servers that these tests run against: Debian packages whose programs
# are missing, and the pinned packages of python/requirements.txt and node/package.json. What is
# there already is left alone, so it can be run again at any time.
#
# Python and Node packages go to target/peers, or where WEFT_PEERS_DIR says.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=${WEFT_PEERS_DIR:-$here/../../target/peers}
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

debian_packages() {
    local wanted=() as_root=()
    command -v redis-server >/dev/null || wanted+=(redis-server)
    command -v redis-benchmark >/dev/null || wanted+=(redis-tools)
    command -v memcached >/dev/null || wanted+=(memcached)
    [ -x /usr/sbin/saslpasswd2 ] || wanted+=(sasl2-bin libsasl2-modules)
    [ -x /usr/sbin/mosquitto ] || wanted+=(mosquitto)
    command -v mosquitto_pub >/dev/null || wanted+=(mosquitto-clients)
    command -v thrift >/dev/null || wanted+=(thrift-compiler)
    command -v node >/dev/null || wanted+=(nodejs)
    command -v npm >/dev/null || wanted+=(npm)
    # Debian keeps what `python3 -m venv` needs apart from Python itself.
    python3 -c 'import ensurepip' 2>/dev/null || wanted+=(python3 python3-venv)
    if [ ${#wanted[@]} -eq 0 ]; then
        echo "Debian packages: nothing is missing"
        return
    fi
    echo "Debian packages: installing ${wanted[*]}"
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
}

# A copy of the list that was installed stands beside what it installed.
python_packages() {
    local list=$here/python/requirements.txt venv=$peers/venv
    if cmp -s "$list" "$venv/installed.txt"; then
        echo "Python packages: as pinned already"
        return
    fi
    echo "Python packages: installing into $venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$list"
    cp "$list" "$venv/installed.txt"
}

node_packages() {
    local list=$here/node/package.json folder=$peers/node
    if cmp -s "$list" "$folder/installed.json"; then
        echo "Node packages: as pinned already"
        return
    fi
    echo "Node packages: installing into $folder"
    mkdir -p "$folder"
    cp "$list" "$folder/package.json"
    npm install --prefix "$folder" --no-package-lock --no-audit --no-fund --silent
    cp "$list" "$folder/installed.json"
}

debian_packages
python_packages
node_packages
