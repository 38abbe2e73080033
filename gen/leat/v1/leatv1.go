// Package leatv1 is the gRPC interface of a leat server in Go: client and messages of leat.v1.StreamService,
// generated from proto/leat/v1/stream.proto.
package leatv1

//go:generate go run ../../../proto/generate -C ../../..
