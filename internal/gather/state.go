package gather

import (
	"cmp"
	"errors"

	"github.com/why403/why403/checks/facts"
)

// states says what each error code of AWS means for the fact that was asked
// for. A code that is not here makes the fact Failed.
var states = map[string]facts.State{
	"AccessDenied":                       facts.Refused,
	"AccessDeniedException":              facts.Refused,
	"Forbidden":                          facts.Refused,
	"UnauthorizedOperation":              facts.Refused,
	"AccessDeniedForDependencyException": facts.Refused,
	// What S3 says to callers of another account than the owner's.
	"MethodNotAllowed": facts.Refused,

	"NoSuchBucketPolicy":                             facts.NotSet,
	"NoSuchAccessPointPolicy":                        facts.NotSet,
	"NoSuchPublicAccessBlockConfiguration":           facts.NotSet,
	"OwnershipControlsNotFoundError":                 facts.NotSet,
	"NoSuchWebsiteConfiguration":                     facts.NotSet,
	"ServerSideEncryptionConfigurationNotFoundError": facts.NotSet,
	"NoSuchCORSConfiguration":                        facts.NotSet,
	"NoSuchTagSet":                                   facts.NotSet,
	"AWSOrganizationsNotInUseException":              facts.NotSet,
	"PolicyTypeNotEnabledException":                  facts.NotSet,
	"EffectivePolicyNotFoundException":               facts.NotSet,
	CodeManagementAccount:                            facts.NotSet,

	"NotFound":                             facts.NotFound,
	"NoSuchBucket":                         facts.NotFound,
	"NoSuchAccessPoint":                    facts.NotFound,
	"NoSuchKey":                            facts.NotFound,
	"NoSuchVersion":                        facts.NotFound,
	"NoSuchDistribution":                   facts.NotFound,
	"NoSuchOriginAccessControl":            facts.NotFound,
	"NoSuchCloudFrontOriginAccessIdentity": facts.NotFound,
	"NoSuchCachePolicy":                    facts.NotFound,
	"NoSuchOriginRequestPolicy":            facts.NotFound,
	"NoSuchRealtimeLogConfig":              facts.NotFound,
	"NoSuchFunctionExists":                 facts.NotFound,
	"NoSuchResource":                       facts.NotFound,
	"NoSuchPublicKey":                      facts.NotFound,
	"NotFoundException":                    facts.NotFound, // KMS
	"WAFNonexistentItemException":          facts.NotFound,
	"PolicyNotFoundException":              facts.NotFound,
}

// bare gives the SDK's codes for errors that have no body (HeadObject,
// HeadBucket), for which the AWS CLI prints the status.
var bare = map[string]string{"400": "BadRequest", "403": "Forbidden", "404": "NotFound", "405": "MethodNotAllowed", "412": "PreconditionFailed"}

// Codes that we make ourselves.
const (
	CodeSnapshot    = "InvalidSnapshot" // a file of the snapshot can't be read
	CodeAnswer      = "InvalidAnswer"   // AWS, or a server that claims to be, answered something else
	CodeRequest     = "RequestFailed"   // no answer came
	CodeUnavailable = "Unavailable"     // no credentials, or none that are valid

	// CodeManagementAccount: the organization's policies do not bind this account.
	CodeManagementAccount = "ManagementAccount"
)

// fail fills in a fact from an error of Answers.
func fail[T any](f *facts.Fact[T], err error) {
	var api *APIError
	switch {
	case errors.As(err, &api):
		f.State, f.Code, f.Message = facts.Failed, cmp.Or(bare[api.Code], api.Code), api.Message
		if s, ok := states[f.Code]; ok {
			f.State = s
		}
		f.Permission = cmp.Or(api.Permission, f.Permission)
		if f.Code == "MethodNotAllowed" {
			f.Message = "the bucket belongs to another account (" + api.Error() + ")"
		}
	case errors.Is(err, ErrNotAsked):
		f.State, f.Message = facts.NotGathered, err.Error()
	case errors.Is(err, ErrUnavailable):
		f.State, f.Code, f.Message = facts.Failed, CodeUnavailable, err.Error()
	default:
		f.State, f.Code, f.Message = facts.Failed, CodeRequest, err.Error()
		var coded interface{ FactCode() string }
		if errors.As(err, &coded) {
			f.Code = coded.FactCode()
		}
	}
}

// errNotSet is what a decoder returns for an answer that says that nothing is
// set.
var errNotSet = errors.New("not set")

// unasked returns a fact that names its call and permission, not asked yet.
func unasked[T any](c *Call) facts.Fact[T] {
	return facts.Fact[T]{Call: c.Name, Permission: c.Permission}
}
