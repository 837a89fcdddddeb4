#!/bin/sh
# Makes the secrets of docker-compose.yml, each in a file of deploy/secrets/. What is there already stays as it is: to
# change a key, remove the files that hold it and run this again. Another folder: deploy/secrets.sh FOLDER
#
# The folder is for its owner only. The files in it are readable by all, because containers read them as other users.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"

random() { # 32 letters and digits
    LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c 32
}

keep() { # NAME: the standard input becomes the file, unless it exists
    if [ -e "$1" ]; then
        cat > /dev/null
        echo "kept  $1"
    else
        (umask 022 && cat > "$1.partial" && chmod 0444 "$1.partial" && mv "$1.partial" "$1")
        echo "made  $1"
    fi
}

# The broker: its own half, and the address for those who use it.
[ -e broker_auth ] || printf 'requirepass %s\n' "$(random)" | keep broker_auth
printf 'redis://:%s@broker:6379/0\n' "$(cut -d' ' -f2 broker_auth)" | keep efir_broker_url

# The store: a key for those who use it, and the list of keys that it knows.
printf 'efir\n' | keep efir_store_access_key
[ -e efir_store_secret_key ] || random | keep efir_store_secret_key
printf '{"identities": [{"name": "efir", "credentials": [{"accessKey": "%s", "secretKey": "%s"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n' \
    "$(cat efir_store_access_key)" "$(cat efir_store_secret_key)" | keep store_identities

random | keep grafana_admin_password

# Where alerts go: write an incoming webhook's URL, and an integration key, into these. Empty, nobody is told.
: | keep alertmanager_chat_url
: | keep alertmanager_pagerduty_key
