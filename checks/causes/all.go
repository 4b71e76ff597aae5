package causes

import (
	"cmp"
	"slices"

	"github.com/why403/why403/checks"
)

//go:generate go run ../../internal/gendocs ../../docs/causes

// IDs are the fixed ids of the causes, never reused, in the order in which
// users read them.
var IDs = []string{
	"key-missing", "key-deleted", "key-case", "key-trailing-slash", "key-directory-index", "key-extension",
	"key-double-slash", "key-origin-path", "key-encoding", "key-unicode-form", "key-spa-route",
	"default-root-unset", "default-root-slash", "default-root-missing", "index-document-missing",
	"policy-no-allow", "policy-other-access", "policy-resource-gap", "policy-condition-unmet", "policy-deny",
	"referer-mismatch", "referer-absent", "referer-forwarded", "referer-deny-only",
	"oac-source-arn", "oac-not-attached", "oac-signing-off", "oai-mismatch",
	"bpa-bucket", "bpa-account", "bpa-organization", "bpa-ignore-acls", "acls-disabled", "object-owner",
	"requester-pays", "rcp-deny", "scp-deny",
	"kms-anonymous", "kms-oai", "kms-key-policy", "kms-aws-managed-key", "kms-key-unusable", "ssec-object", "object-archived",
	"host-header-forwarded", "authorization-forwarded", "signature-mismatch", "presigned-query", "write-not-allowed",
	"cors-preflight", "bucket-not-owned", "account-problem", "error-page-forbidden",
	"edge-geo-restriction", "edge-method", "edge-https-only", "edge-request-body",
	"edge-signed-missing", "edge-signed-expired", "edge-signed-key", "edge-signed-invalid",
	"edge-waf", "edge-function", "edge-stacked", "edge-cached-error", "edge-unattributed",
	"not-s3-origin", checks.Unexplained,
}

// All holds every check, in the order of IDs.
var All = []*checks.Check{
	keyMissing, keyDeleted, keyCase, keyTrailingSlash, keyDirectoryIndex, keyExtension,
	keyDoubleSlash, keyOriginPath, keyEncoding, keyUnicodeForm, keySPARoute,
	defaultRootUnset, defaultRootSlash, defaultRootMissing, indexDocumentMissing,
	policyNoAllow, policyOtherAccess, policyResourceGap, policyConditionUnmet, policyDeny,
	refererMismatch, refererAbsent, refererForwarded, refererDenyOnly,
	oacSourceARN, oacNotAttached, oacSigningOff, oaiMismatch,
	bpaBucket, bpaAccount, bpaOrganization, bpaIgnoreACLs, aclsDisabled, objectOwner,
	requesterPays, rcpDeny, scpDeny,
	kmsAnonymous, kmsOAI, kmsKeyPolicy, kmsAWSManagedKey, kmsKeyUnusable, ssecObject, objectArchived,
	hostHeaderForwarded, authorizationForwarded, signatureMismatch, presignedQuery, writeNotAllowed,
	corsPreflight, bucketNotOwned, accountProblem, errorPageForbidden,
	edgeGeo, edgeMethod, edgeHTTPSOnly, edgeRequestBody,
	edgeSignedMissing, edgeSignedExpired, edgeSignedKey, edgeSignedInvalid,
	edgeWAF, edgeFunction, edgeStacked, edgeCachedError, edgeUnattributed,
	notS3Origin, unexplained,
}

// Find returns the check of an id, nil if there is none.
func Find(id string) *checks.Check {
	for _, c := range All {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// ByID is All in the order of ids, which is that of the lists in a Diagnosis.
var ByID = slices.SortedFunc(slices.Values(All), func(a, b *checks.Check) int { return cmp.Compare(a.ID, b.ID) })

// Diagnose runs every check on a failing key.
func Diagnose(p *checks.KeyPass) checks.Diagnosis { return checks.DiagnoseKey(ByID, p) }

// DiagnoseEdge runs every check on a request refused at the edge.
func DiagnoseEdge(p *checks.EdgePass) checks.Diagnosis { return checks.DiagnoseEdge(ByID, p) }
