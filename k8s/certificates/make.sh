# Makes an authority where there is none, and signs what stands in /signing/wanted: users, and `node`.
set -eu
cd /signing
[ -s wanted ] || exit 0
[ -e ca/tls.crt ] || {
  mkdir -p ca made
  cockroach cert create-ca --certs-dir=made --ca-key=made/ca.key --lifetime=87600h
  cp made/ca.crt ca/tls.crt
  cp made/ca.crt ca/ca.crt
  cp made/ca.key ca/tls.key
}
while read -r name; do
  mkdir -p "$name/made"
  cp ca/tls.crt "$name/made/ca.crt"
  set -- --certs-dir="$name/made" --ca-key=ca/tls.key --lifetime=8760h --overwrite
  if [ "$name" = node ]; then
    cockroach cert create-node localhost 127.0.0.1 cockroachdb-public "cockroachdb-public.$NAMESPACE" \
      "cockroachdb-public.$NAMESPACE.svc" "cockroachdb-public.$NAMESPACE.svc.cluster.local" '*.cockroachdb' \
      "*.cockroachdb.$NAMESPACE" "*.cockroachdb.$NAMESPACE.svc" "*.cockroachdb.$NAMESPACE.svc.cluster.local" "$@"
    made=node
  else
    cockroach cert create-client "$name" "$@"
    made=client.$name
  fi
  cp "$name/made/ca.crt" "$name/ca.crt"
  cp "$name/made/$made.crt" "$name/tls.crt"
  cp "$name/made/$made.key" "$name/tls.key"
done <wanted
