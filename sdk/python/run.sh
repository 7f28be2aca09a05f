#!/bin/sh
# Builds, checks and tests the Python SDK. Everything it installs goes below .venv.
#
#   run.sh check              mypy --strict, ruff, and that the package builds
#   run.sh test [PYTEST ARGS] all tests, with the wheel installed as users do
#   run.sh matrix PYTHON...   the same with each of these interpreters
#
# PYTHON is the interpreter otherwise (python3). OIS_PROGRAM is the server that tests start; without it they build one.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
PYTHON=${PYTHON:-python3}
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export PIP_DISABLE_PIP_VERSION_CHECK PIP_ROOT_USER_ACTION
# Neither the modules nor the settings of who runs this belong into an environment.
unset PYTHONPATH PYTHONHOME

fail() {
	echo "sdk/python: $*" >&2
	exit 1
}

# version prints what an interpreter is, as 3.11.
version() {
	"$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# environment makes .venv/NAME with what is in the other arguments, once; a change of them makes it anew.
environment() {
	dir=$here/.venv/$1
	shift
	stamp=$(printf '%s\n' "$("$PYTHON" -VV)" "$*"; cat requirements-*.txt)
	if [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ]; then
		rm -rf "$dir"
		"$PYTHON" -m venv "$dir"
		for set in "$@"; do
			# shellcheck disable=SC2086 # a set is several arguments
			"$dir/bin/python" -m pip install --quiet $set || return 1
		done
		printf '%s\n' "$stamp" >"$dir/stamp"
	fi
}

# build writes wheel and sdist to .venv/dist. It builds a copy, so that nothing is left in the tree.
build() {
	environment build "build==1.3.0 setuptools>=77"
	rm -rf .venv/source .venv/dist
	mkdir -p .venv/source
	cp -R pyproject.toml setup.cfg README.md src .venv/source
	cp ../../LICENSE .venv/source
	.venv/build/bin/python -m build --no-isolation --outdir .venv/dist .venv/source >.venv/build.log 2>&1 || {
		cat .venv/build.log
		fail "the package does not build"
	}
}

check() {
	build
	environment check "-r requirements-check.txt PyYAML"
	.venv/check/bin/ruff check --quiet src tests
	.venv/check/bin/ruff format --quiet --check src tests || fail "run .venv/check/bin/ruff format src tests"
	.venv/check/bin/mypy --no-error-summary
}

# old installs ois-sdk 1.0.0, to be compared with. It is from a time before pyproject.toml.
old() {
	environment old "setuptools<81 wheel" "--no-build-isolation ois-sdk==1.0.0" || {
		echo "sdk/python: ois-sdk 1.0.0 cannot be installed here, so nothing is compared with it" >&2
		return 0
	}
	OIS_OLD_PYTHON=$here/.venv/old/bin/python
	export OIS_OLD_PYTHON
}

# run_tests installs the wheel and runs the tests against it.
run_tests() {
	name=test-$(version "$PYTHON")
	environment "$name" "-r requirements-test.txt requests>=2.30 urllib3>=2 PyYAML>=5.1"
	".venv/$name/bin/python" -m pip install --quiet --force-reinstall --no-deps .venv/dist/*.whl
	".venv/$name/bin/python" -m pytest -q --override-ini pythonpath=tests "$@"
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null || {
	echo "sdk/python: needs Python 3.9 or later ($PYTHON is not); nothing was done" >&2
	exit 0
}
what=${1:-}
[ $# -eq 0 ] || shift
case $what in
check) check ;;
test)
	build
	old
	run_tests "$@"
	;;
matrix)
	build
	old
	for PYTHON in "$@"; do
		echo "$("$PYTHON" -V):"
		run_tests
	done
	;;
*) fail "want check, test or matrix" ;;
esac
