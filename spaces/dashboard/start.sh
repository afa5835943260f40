#!/bin/sh
# Clone the repository, and show its main to whoever may look.
set -eu
: "${LEPINET_REPOSITORY:?https://github.com/OWNER/NAME}"
: "${LEPINET_DASHBOARD_URL:=https://${SPACE_HOST:?or LEPINET_DASHBOARD_URL, where people reach this}}"
# git asks for the token each time it needs it: it stands in no file, no URL and no list of processes.
git config --global credential.helper '!f() { test "$1" = get && echo username=x-access-token && echo "password=${GITHUB_TOKEN:-}"; }; f'
git config --global credential.useHttpPath false
test -d repository || git clone --quiet -- "$LEPINET_REPOSITORY" repository
cd repository
exec lepinet dashboard --host 0.0.0.0 --port "${PORT:-7860}" --url "$LEPINET_DASHBOARD_URL"
