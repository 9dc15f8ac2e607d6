#!/usr/bin/env bash
# Makes this machine ready to build and run shortform. Looks first, installs only what is missing,
# and asks before it installs anything system-wide.
set -euo pipefail

usage() {
  cat <<'END'
usage: scripts/setup.sh [--yes] [--tests]
  --yes     install system packages without asking (as do CI=true and being root)
  --tests   also install what only the tests need: ffmpeg, tesseract, hb-shape, faketime, chromium
END
}

# Each need: what it is, whether it is there, and its packages for apt, dnf, pacman and brew ("-": that
# system brings it along). Bash 3.2, which macOS has, must be able to read this file.
look_for_all() {
  need "C compiler"           has_program cc           "gcc libc6-dev" "gcc" "gcc" "-"
  need "pkg-config"           has_program pkg-config   "pkg-config" "pkgconf-pkg-config" "pkgconf" "pkgconf"
  need "libclang"             has_libclang             "libclang-dev" "clang-devel" "clang" "llvm"
  need "libav 5.1 or later"   has_libav                "libavcodec-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev" \
                                                       "ffmpeg-free-devel" "ffmpeg" "ffmpeg"
  need "espeak-ng"            has_library libespeak-ng "libespeak-ng1 espeak-ng-data" "espeak-ng" "espeak-ng" "espeak-ng"
  need "fonts for all scripts" has_font NotoSansDevanagari  "fonts-noto-core" \
                                                       "google-noto-sans-fonts google-noto-sans-arabic-fonts google-noto-sans-devanagari-fonts" \
                                                       "noto-fonts" "-"
  need "Chinese, Japanese and Korean fonts" has_font NotoSansCJK "fonts-noto-cjk" "google-noto-sans-cjk-fonts" "noto-fonts-cjk" "-"
  need "emoji font"           has_font NotoColorEmoji  "fonts-noto-color-emoji" "google-noto-color-emoji-fonts" "noto-fonts-emoji" "-"
  if ! has_onnxruntime; then
    need "pip, which fetches ONNX Runtime" has_pip     "python3-pip" "python3-pip" "python-pip" "python"
  fi
  if [ -n "$with_tests" ]; then
    need "ffmpeg"             has_program ffmpeg       "ffmpeg" "ffmpeg-free" "ffmpeg" "ffmpeg"
    need "HarfBuzz's programs" has_program hb-shape    "libharfbuzz-bin" "harfbuzz-devel" "harfbuzz-utils" "harfbuzz"
    need "tesseract"          has_program tesseract    "tesseract-ocr" "tesseract" "tesseract tesseract-data-eng" "tesseract"
    need "what tesseract reads" reads_languages        "tesseract-ocr-deu tesseract-ocr-fra tesseract-ocr-pol tesseract-ocr-spa" \
                                                       "tesseract-langpack-deu tesseract-langpack-fra tesseract-langpack-pol tesseract-langpack-spa" \
                                                       "tesseract-data-deu tesseract-data-fra tesseract-data-pol tesseract-data-spa" "tesseract-lang"
    need "faketime"           has_program faketime     "faketime" "libfaketime" "libfaketime" "libfaketime"
    need "chromium"           has_program chromium     "chromium" "chromium" "chromium" "chromium"
  fi
}

main() {
  yes="" with_tests="" packages=""
  while [ $# -gt 0 ]; do
    case $1 in
      --yes) yes=1 ;;
      --tests) with_tests=1 ;;
      --help) usage; return ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  cd "$(dirname "$0")/.."

  check_rust
  find_package_manager
  find_onnxruntime
  look_for_all
  install_packages
  install_onnxruntime
  install_just
  say "ready"
}

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

field() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" "$2"; }

# --- what is there -------------------------------------------------------------------------------

check_rust() {
  local wanted found
  wanted=$(field rust-version Cargo.toml)
  has_program cargo || fail "Rust's cargo is missing: install Rust $wanted or later first"
  found=$({ cargo --version 2>&1 || true; } | sed -n 's/^cargo \([0-9][0-9.]*\).*/\1/p')
  [ -n "$found" ] || fail "cargo does not run (try cargo --version): install Rust $wanted or later first"
  [ "$(printf '%s\n' "$wanted" "$found" | sort -t . -k 1,1n -k 2,2n | head -n 1)" = "$wanted" ] ||
    fail "cargo $found is too old: install Rust $wanted or later first (systems' own packages often have older ones)"
}

has_program() { command -v "$1" >/dev/null 2>&1; }

reads_languages() {
  local language
  for language in deu fra pol spa; do
    tesseract --list-langs 2>/dev/null | grep -qx "$language" || return 1
  done
}

has_pip() { python3 -m pip --version >/dev/null 2>&1; }

# libavcodec 59.37 came with libav 5.1.
has_libav() {
  pkg-config --atleast-version=59.37 libavcodec 2>/dev/null &&
    pkg-config --exists libavformat libavutil libswresample libswscale 2>/dev/null
}

has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] ||
    [ -e /Library/Developer/CommandLineTools/usr/lib/libclang.dylib ] ||
    is_somewhere "libclang*.so" /usr/lib /usr/lib64 /usr/lib/llvm*/lib /usr/local/lib ||
    is_somewhere "libclang.dylib" /opt/homebrew/opt/llvm/lib /usr/local/opt/llvm/lib
}

has_library() { is_somewhere "$1.*" /usr/lib /usr/lib64 /usr/local/lib /opt/homebrew/lib; }

has_font() { is_somewhere "$1*" /usr/share/fonts /usr/local/share/fonts "${XDG_DATA_HOME:-$HOME/.local/share}/fonts"; }

# is_somewhere NAME_PATTERN FOLDER...
is_somewhere() {
  local pattern=$1
  shift
  [ -n "$(find -L "$@" -maxdepth 4 -name "$pattern" -print 2>/dev/null | head -n 1)" ]
}

# --- system packages -----------------------------------------------------------------------------

find_package_manager() {
  if has_program apt-get; then manager=apt
  elif has_program dnf; then manager=dnf
  elif has_program pacman; then manager=pacman
  elif has_program brew; then manager=brew
  else manager=none
  fi
}

# need WHAT CHECK [ARGUMENT] APT DNF PACMAN BREW: notes the packages of what is missing.
need() {
  local what=$1 check=$2 names
  shift 2
  if [ $# -eq 5 ]; then check="$check $1"; shift; fi
  if $check; then return; fi
  case $manager in
    apt) names=$1 ;;
    dnf) names=$2 ;;
    pacman) names=$3 ;;
    brew) names=$4 ;;
    none) names=- ;;
  esac
  case $manager:$names in
    none:*) fail "missing: $what; this system has none of apt, dnf, pacman, brew: install it by hand" ;;
    brew:-) [ "$check" != "has_program cc" ] || fail "missing: $what; run xcode-select --install" ;;
    *) say "missing: $what"; packages="$packages $names" ;;
  esac
}

install_packages() {
  [ -n "$packages" ] || return 0
  local root=""
  if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then
    has_program sudo || fail "neither root nor sudo: as root, install$packages"
    root=sudo
  fi
  ask "install with $manager:$packages?"
  # The lists of packages are words to split.
  # shellcheck disable=SC2086
  case $manager in
    apt)
      $root apt-get update --quiet=2
      $root env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $packages
      ;;
    dnf) $root dnf install --quiet --assumeyes $packages ;;
    pacman) $root pacman --sync --refresh --needed --noconfirm $packages ;;
    brew) brew install --quiet $packages ;;
  esac
}

ask() {
  if [ -n "$yes" ] || [ "${CI:-}" = true ] || [ "$(id -u)" -eq 0 ]; then
    say "${1%\?}"
    return
  fi
  [ -t 0 ] || fail "$1 Nobody is there to answer: run scripts/setup.sh --yes"
  local answer
  read -r -p "setup: $1 [y/N] " answer
  case $answer in
    [yY]*) ;;
    *) fail "nothing was installed" ;;
  esac
}

# --- ONNX Runtime --------------------------------------------------------------------------------

# The library is the one inside the Python wheel; no Python is needed to run it. The wheel for one fixed
# Python is taken, whichever is installed here, so that its hash can be pinned.
pinned=scripts/onnxruntime.txt

find_onnxruntime() {
  local version data
  version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' "$pinned")
  case $(uname -s) in
    Darwin)
      data="$HOME/Library/Application Support"
      library_name=libonnxruntime.$version.dylib
      ;;
    *)
      data=${XDG_DATA_HOME:-$HOME/.local/share}
      library_name=libonnxruntime.so.$version
      ;;
  esac
  library=$data/shortform/lib/$library_name
}

has_onnxruntime() { [ -n "${ORT_DYLIB_PATH:-}" ] || [ -f "$library" ]; }

wheel_platform() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo manylinux_2_28_x86_64 ;;
    Linux-aarch64) echo manylinux_2_28_aarch64 ;;
    Darwin-arm64) echo macosx_14_0_arm64 ;;
    *) fail "no ONNX Runtime is published for $(uname -sm): build it, and set ORT_DYLIB_PATH to its library" ;;
  esac
}

install_onnxruntime() {
  if has_onnxruntime; then return; fi
  local platform wheel folder
  platform=$(wheel_platform)
  folder=$(dirname "$library")
  mkdir -p "$folder"
  # Beside its place, so that the last move is a rename.
  wheel=$(mktemp -d "$folder/.wheel.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$wheel'" EXIT
  say "fetching ONNX Runtime into $folder"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-compile \
    --target "$wheel" --no-deps --only-binary :all: --require-hashes \
    --implementation cp --python-version 3.11 --platform "$platform" --requirement "$pinned"
  mv "$wheel/onnxruntime/capi/$library_name" "$library"
}

# --- just ----------------------------------------------------------------------------------------

install_just() {
  if has_program just; then return; fi
  say "installing just"
  cargo install just --locked --quiet
  has_program just || say "add cargo's bin folder to PATH, so that \`just\` is found"
}

main "$@"
