# shellcheck shell=bash
# chroot.sh: root directories of Debian's releases and of Ubuntu's noble, for tests that
# start from a bare system. Sourced, after lib.sh. There is one at a time, and it is
# removed when the script exits.

root=

need_root_directories() {
    [[ $EUID == 0 ]] || die "making root directories needs root"
    command -v debootstrap >/dev/null || die "debootstrap is not installed"
    trap remove_root EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# make_root RELEASE [PACKAGES]: sets root, a directory with the smallest system of that
# release and these packages. Services do not start in it.
make_root() {
    local script mirror='' components=main
    root=$(mktemp -d "$(realpath "${TMPDIR:-/var/tmp}")/posture-$1.XXXXXX")
    say "$1: making its root directory"
    # an older debootstrap does not know the newest releases by name
    script=/usr/share/debootstrap/scripts/$1
    if [[ $1 == noble ]]; then
        # Ubuntu has pg_cron in universe
        mirror=http://archive.ubuntu.com/ubuntu components=main,universe script=/usr/share/debootstrap/scripts/gutsy
    elif [[ ! -e $script ]]; then
        script=/usr/share/debootstrap/scripts/sid
    fi
    debootstrap --variant=minbase --components="$components" --include="ca-certificates${2:+,$2}" "$1" "$root" "$mirror" "$script" >"$root/debootstrap.log" 2>&1 ||
        { cat "$root/debootstrap.log" >&2; die "debootstrap $1 failed"; }
    chmod 755 "$root"
    # packages come from where this machine gets its own
    cp /etc/resolv.conf "$root/etc/"
    cp -a /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/"
    # Some of these files belong to packages. Without this option, dpkg would ask whether to
    # keep them or to install the package's version.
    echo 'DPkg::Options { "--force-confold"; };' >"$root/etc/apt/apt.conf.d/99posture"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    mount -t tmpfs shm "$root/dev/shm"
}

# in_root COMMAND: runs a command as root in root, in the background, because bash
# handles a signal only while it waits.
in_root() {
    chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
        DEBIAN_FRONTEND=noninteractive CI="${CI:-}" DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" "$@" <&0 &
    wait $!
}

# in_root_as USER COMMAND
in_root_as() {
    local user=$1
    shift
    in_root setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
}

# remove_root: kills the processes that still run in root, then removes it.
remove_root() {
    local process
    [[ -n $root ]] || return 0
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/root") != "$root" ]] || kill -KILL "${process#/proc/}" 2>/dev/null || true
    done
    # a killed process holds the mounts for a moment
    for _ in {1..50}; do
        umount "$root/proc" "$root/sys" "$root/dev/shm" "$root/dev" 2>/dev/null || true
        grep -qF " $root/" /proc/mounts || break
        sleep 0.1
    done
    # never remove what is still mounted
    if grep -F " $root/" /proc/mounts >&2; then
        say "$root is in use and is not removed" >&2
    else
        rm -rf --one-file-system "$root"
    fi
    root=
}
