#!/bin/sh
# install.sh --image DIRECTORY   what `make image` has made: an interpreter of its own, nothing of the host is needed
# install.sh --python            this clone, into a venv of the host's Python 3.11 or later, by the hashes of requirements.lock
#
# Installs into /opt/nodewitness/VERSION, points /opt/nodewitness/current to it, links nodewitness and nodectl into
# /usr/local/bin and puts the unit into /etc/systemd/system. Starts nothing; it may be repeated, and with a new version it is
# the upgrade: systemctl restart nodewitness. With DESTDIR all of it goes below that directory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
home=/opt/nodewitness
usage() { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }

case "${1:-}" in
    --image)
        [ $# -eq 2 ] || usage
        version=$(tar -tf "$2/agent.tar" | sed -n "s|^opt/nodewitness/\([^/]*\)/bin/nodewitness\$|\1|p")
        [ -n "$version" ] || { echo "install.sh: no agent in $2/agent.tar" >&2; exit 1; }
        new=$root$home/.$version.new
        rm -rf "$new"
        mkdir -p "$new"
        for layer in base agent; do
            tar -xf "$2/$layer.tar" -C "$new" --strip-components=3 "opt/nodewitness/$version"
        done
        # The running agent keeps what it has open; what it has not read yet is the same or newer.
        old=$root$home/.$version.old
        rm -rf "$old"
        [ ! -e "$root$home/$version" ] || mv "$root$home/$version" "$old"
        mv "$new" "$root$home/$version"
        rm -rf "$old"
        ;;
    --python)
        [ $# -eq 1 ] || usage
        clone=$here/../..
        version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$clone/agent/__init__.py")
        prefix=$root$home/$version
        python3 -m venv --clear "$prefix"
        pip() {
            "$prefix/bin/python" -m pip --quiet --no-input --disable-pip-version-check \
                install --no-deps --no-build-isolation --use-pep517 "$@"
        }
        pip --require-hashes -r "$clone/requirements-build.lock"
        pip --require-hashes -r "$clone/requirements.lock"
        copy=$(mktemp -d) # setuptools builds in the tree that it is given
        cp -r "$clone/agent" "$clone/pyproject.toml" "$clone/README.md" "$clone/LICENSE" "$copy"
        pip "$copy"
        rm -rf "$copy"
        ;;
    *) usage ;;
esac

link() { # at once, whatever was there
    mkdir -p "$(dirname "$root$2")"
    ln -s "$1" "$root$2.new"
    mv -T "$root$2.new" "$root$2"
}
link "$version" $home/current
link $home/current/bin/nodewitness /usr/local/bin/nodewitness
link $home/current/bin/nodectl /usr/local/bin/nodectl
mkdir -p "$root/etc/systemd/system"
cp "$here/nodewitness.service" "$root/etc/systemd/system/nodewitness.service"
echo "installed nodewitness $version in $home/$version; now:"
echo "    systemctl daemon-reload && systemctl enable nodewitness && systemctl restart nodewitness"
