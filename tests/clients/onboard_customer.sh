#!/usr/bin/env bash
# Brings a new customer of a new member to go-live at two running nodes with `buf curl` alone: JSON, the proto files and the
# administrators' certificates. onboard_customer.py does the same and reads more.
#
#     bash onboard_customer.sh demo/FICC/node.toml demo/CME/node.toml demo/pki [SUFFIX]
#
# The configurations are those of the Treasury house's node and of the futures house's. Every id ends in SUFFIX, by default
# the time, so that it can be repeated on the same ledgers; no approval may count when it begins. BUF is buf
# (https://buf.build), PYTHON a Python that reads JSON.
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2,9p' "$0" >&2; exit 2; fi
treasury=$1 futures=$2 pki=$3 suffix=${4:-$(date +%s)}
buf=${BUF:-buf} python=${PYTHON:-python3}
proto=$(cd "$(dirname "$0")/../../proto" && pwd)
link=LNK-$suffix member=firm-$suffix customer=C-$suffix
# How often a house is asked for what the other one has recorded.
patience=50
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf '%s\n' "$*" >&2; exit 1; }
for tool in "$buf" "$python"; do command -v "$tool" >/dev/null || fail "$tool is missing"; done

# value CONFIGURATION KEY: a value of the first table of a node's configuration.
value() { sed -n "s/^$2 = \"\\(.*\\)\"/\\1/p" "$1" | head -n 1; }

# call CONFIGURATION METHOD JSON: asks a node's programme service as its house's administrator.
call() {
  local folder
  folder=$pki/$(value "$1" house)
  "$buf" curl --schema "$proto" --protocol grpc --cacert "$folder/ca.pem" --cert "$folder/clients/administrator.pem" \
    --key "$folder/clients/administrator.key" --data "$3" \
    "https://$(value "$1" listen)/crossmargin.v1.ProgrammeService/$2"
}

# request NAME JSON...: changes under a request id of their own.
request() {
  local name=$1
  shift
  (IFS=,; printf '{"requestId": "curl-%s-%s", "changes": [%s]}' "$name" "$suffix" "$*")
}

# record NAME JSON...: records changes at both houses.
record() {
  local config
  for config in "$treasury" "$futures"; do
    call "$config" RecordChanges "$(request "$@")" >/dev/null || fail "$(value "$config" house) does not record: $1"
  done
}

# wait_until CONDITION: until it holds at both houses. It is Python over `stage` and `missing`, all that is missing in a text.
wait_until() {
  local config attempt
  for config in "$treasury" "$futures"; do
    attempt=0
    until call "$config" GetLink "{\"linkId\": \"$link\"}" >"$work/link" 2>"$work/problem" && holds "$1"; do
      attempt=$((attempt + 1))
      [ "$attempt" -lt "$patience" ] ||
        fail "$(value "$config" house) does not come to: $1; it says: $(cat "$work/link" "$work/problem")"
    done
  done
}
holds() {
  "$python" -c "
import json, sys
link = json.load(open(sys.argv[1]))['link']
stage, missing = link['stage'].removeprefix('LINK_STAGE_'), '; '.join(link.get('missing', []))
sys.exit(not ($1))" "$work/link"
}

# The changes.
since='{"from": "2020-01-02"}'
member() {
  printf '{"member": {"member": "%s", "broker_dealer": %s,' "$member" "$since"
  printf ' "futures_commission_merchant": %s, "membership": %s}}' "$since" "$since"
}
customer() { printf '{"customer": {"customer": "%s", "member": "%s", "opted_in": %s}}' "$customer" "$member" "$since"; }
link() {
  printf '{"link": {"link_id": "%s", "kind": "LINK_KIND_CUSTOMER", "member": "%s",' "$link" "$member"
  printf ' "owner": "%s", "treasury_account": "T-%s", "futures_account": "F-%s"}}' "$customer" "$suffix" "$suffix"
}
document() {
  local digest
  # Bytes are base64 in JSON.
  digest=$(printf '%s' "$link $1" | "$python" -c 'if True:
    import base64, hashlib, sys
    print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())')
  printf '{"document": {"link_ids": ["%s"], "kind": "DOCUMENT_KIND_%s",' "$link" "$1"
  printf ' "digest": "%s", "dated": "2026-01-15"}}' "$digest"
}
stage() { printf '{"reason": "onboarding", "stage": {"link_ids": ["%s"], "to": "LINK_STAGE_%s"}}' "$link" "$1"; }
approval() {
  printf '{"approval": {"approval_id": "%s-%s", "kind": "APPROVAL_KIND_%s",' "$1" "$suffix" "$2"
  printf ' "reference": "made up", "scope": ["LINK_KIND_CUSTOMER"], "effective_from": "2026-01-15"}}'
}
withdrawal() {
  printf '{"reason": "the walk is over", "approval_withdrawal": {"approval_id": "%s-%s", "from": "2026-01-15"}}' \
    "$1" "$suffix"
}

record parties "$(member)" "$(customer)"
record link "$(link)"
wait_until 'stage == "PROPOSED" and "SUBORDINATION_AGREEMENT" in missing'
echo "$link of customer $customer at member $member: PROPOSED at both"
record documents \
  "$(document CUSTOMER_AGREEMENT)" "$(document SUBORDINATION_AGREEMENT)" "$(document DISCLOSURE_ACKNOWLEDGEMENT)"
wait_until 'stage == "DOCUMENTED"'
record rehearse "$(stage REHEARSING)"
wait_until 'stage == "REHEARSING" and "SEC_ORDER" in missing and "FUTURES_HOUSE_RULE" in missing'
echo "documents and consents are there: REHEARSING at both"
if call "$treasury" RecordChanges "$(request early "$(stage LIVE)")" >/dev/null 2>"$work/problem"; then
  fail "$link may go live without approvals"
fi
grep -q '"code": *"invalid_argument"' "$work/problem" && grep -q 'changes\[0\]\.stage\.link_ids\[0\].*SEC_ORDER' "$work/problem" ||
  fail "going live is not refused for the missing approvals: $(cat "$work/problem")"
echo "going live is refused: the approvals are missing"
record approvals "$(approval curl-sec SEC_ORDER)" "$(approval curl-cftc CFTC_ORDER)" \
  "$(approval curl-treasury TREASURY_HOUSE_RULE)" "$(approval curl-futures FUTURES_HOUSE_RULE)"
wait_until 'stage == "REHEARSING" and "_ORDER" not in missing and "_RULE" not in missing'
record live "$(stage LIVE)"
wait_until 'stage == "LIVE" and not missing'
echo "approvals and consents are there: LIVE at both, nothing is missing"
for config in "$treasury" "$futures"; do
  call "$config" ListLinks "{\"member\": \"$member\", \"stage\": \"LINK_STAGE_LIVE\"}" >"$work/links"
  grep -q "\"linkId\": *\"$link\"" "$work/links" || fail "$(value "$config" house) does not list it: $(cat "$work/links")"
done
echo "both houses list it among the live links of $member"
record withdraw "$(withdrawal curl-sec)" "$(withdrawal curl-cftc)" "$(withdrawal curl-treasury)" "$(withdrawal curl-futures)"
wait_until 'stage == "REHEARSING" and "SEC_ORDER" in missing'
echo "the approvals are withdrawn: REHEARSING at both"
