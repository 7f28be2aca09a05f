#!/bin/sh
# Prints the command of a Chromium that needs no screen. Where there is none, Debian's is unpacked into the user's cache, with the
# libraries that are missing here: it takes no rights, and nothing else on the machine changes.
set -eu
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
	if command -v "$name"; then
		exit
	fi
done
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ois
if "$cache/browser/run" --version >/dev/null 2>&1; then
	echo "$cache/browser/run"
	exit
fi
mkdir -p "$cache"
new=$(mktemp -d "$cache/browser.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial"
apt() {
	apt-get -qq -o Dir::State="$new/apt" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$new/apt" \
		-o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@" >&2
}
apt update
apt install --download-only --yes --no-install-recommends chromium-headless-shell
for package in "$new"/apt/archives/*.deb; do
	dpkg -x "$package" "$new/root"
done
rm -rf "$new/apt"
cat >"$new/run" <<'END'
#!/bin/sh
root=$(dirname "$0")/root
LD_LIBRARY_PATH=$(find "$root" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':') exec "$root/usr/lib/chromium/chromium-headless-shell" "$@"
END
chmod +x "$new/run"
"$new/run" --version >&2
rm -rf "$cache/browser"
mv "$new" "$cache/browser"
echo "$cache/browser/run"
