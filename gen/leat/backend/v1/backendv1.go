// Package backendv1 is what a backend of leat serves over gRPC, in Go: client, server and messages of
// leat.backend.v1.BackendService, generated from proto/leat/backend/v1/backend.proto.
package backendv1
