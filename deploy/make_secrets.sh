#!/bin/sh
# Makes deploy/secrets/: a random secret in each file that has none yet, and empty files for the providers' keys.
#
# The folder is for its owner alone. The files in it can be read by everybody who gets past it, which is how a container
# reads them, whose user is another one.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)/secrets
umask 077
mkdir -p "$folder"
cd "$folder"

random() { head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n'; }
given() { test -s "$1" || printf '%s' "$2" > "$1"; }

for name in aijobs_secret postgres_password temporal_postgres_password s3_secret_key; do given "$name" "$(random)"; done
given database_url "postgresql://aijobs:$(cat postgres_password)@postgres:5432/aijobs"
for name in replicate_token replicate_webhook_secret ttapi_token chat_token; do test -e "$name" || : > "$name"; done
chmod 0444 -- *
echo "Secrets are in $folder; an empty file is a provider without a key."
