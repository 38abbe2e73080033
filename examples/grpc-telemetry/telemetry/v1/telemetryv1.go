// Package telemetryv1 is client and messages of telemetry.v1.TelemetryService, generated from telemetry.proto, which is
// what leat serves of leat.yaml at /protos/telemetry/v1/telemetry.proto.
package telemetryv1

//go:generate go run ../../../../proto/generate -C ../../../..
