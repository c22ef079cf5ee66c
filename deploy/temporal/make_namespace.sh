#!/bin/sh
# Makes the namespace. Search attributes and schedules are made by `aijobs init`.
set -eu
namespace=${TEMPORAL_NAMESPACE:-default}
temporal operator namespace describe --namespace "$namespace" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$namespace" --retention "$RETENTION"
