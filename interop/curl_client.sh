#!/bin/sh
# Puts, lists, gets and deletes an object with curl; the signature is computed by openssl.
set -eu
endpoint=$1 key=$2 secret=$3

# request STATUS METHOD RESOURCE QUERY [CURL OPTIONS]: sends a signed request and compares the status.
request() {
	want=$1 method=$2 resource=$3 query=$4
	shift 4
	date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')
	signature=$(printf '%s\n\n\n%s\n%s' "$method" "$date" "$resource" |
		openssl dgst -sha256 -hmac "$secret" -binary | openssl base64 -A)
	got=$(curl -sS -o "$out" -w '%{http_code}' -X "$method" "$endpoint${resource%%\?*}$query" \
		-H "Date: $date" -H "Authorization: QS $key:$signature" -H 'Content-Type:' "$@")
	echo "$method ${resource%%\?*}$query: $got"
	if [ "$got" != "$want" ]; then
		cat "$out"
		exit 1
	fi
}

out=$(mktemp)
body=$(mktemp)
trap 'rm -f "$out" "$body"' EXIT
echo 'hello ois' >"$body"

request 200 GET / ''
request 201 PUT /interop-curl ''
request 201 PUT /interop-curl/hello.txt '' -T "$body"
request 200 GET /interop-curl '?prefix=hello&limit=10'
grep -q '"key":"hello.txt"' "$out"
request 200 GET /interop-curl/hello.txt ''
cmp "$body" "$out"
request 200 POST '/interop-curl/big.bin?uploads' '?uploads' -d ''
id=$(sed 's/.*"upload_id":"\([0-9a-f]*\)".*/\1/' "$out")
request 201 PUT "/interop-curl/big.bin?part_number=0&upload_id=$id" "?part_number=0&upload_id=$id" -T "$body"
request 204 DELETE "/interop-curl/big.bin?upload_id=$id" "?upload_id=$id"
request 204 DELETE /interop-curl/hello.txt ''
request 204 DELETE /interop-curl ''
