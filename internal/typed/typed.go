// Package typed makes gRPC services of a contract: protobuf descriptors from JSON Schemas, field numbers that never
// change, and JSON to protobuf and back.
package typed

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/leatstream/leat/contract"
)

// An API is the typed gRPC services of a contract. It never changes.
type API struct {
	services map[string]*Service
	protos   map[string]string // by stream
	files    *protoregistry.Files
	given    []string
}

// Build makes the services of all streams that are offered over gRPC. Numbers that the lock lacks, or all where it is
// nil, are given in the order of declaration; the lock stays as it is. The error is a contract.Errors with all that would
// change for clients that exist.
func Build(c *contract.Contract, lock *Lock) (*API, error) {
	return build(c, lock.Clone())
}

// Assign gives a number to whatever in the contract has none yet, marks as removed what is no longer there, and tells
// whether any of that changed the lock. Where it fails the lock stays as it is.
func (l *Lock) Assign(c *contract.Contract) (changed bool, err error) {
	assigned := l.Clone()
	if _, err := build(c, assigned); err != nil {
		return false, err
	}
	changed = string(assigned.text("")) != string(l.Clone().text(""))
	*l = *assigned
	return changed, nil
}

// Breaks lists what a client that was generated of an old version of a contract cannot read of a new one. The names of
// messages are not sent, so they may be others; whether a value has to be there is contract.Compare's to judge.
func Breaks(old, now *contract.Contract) contract.Errors {
	lock := (*Lock)(nil).Clone()
	if _, err := build(old, lock); err != nil {
		return nil // there was no service
	}
	lock.asSent = true
	_, err := build(now, lock)
	wrong, _ := errors.AsType[contract.Errors](err)
	return wrong
}

func build(c *contract.Contract, lock *Lock) (*API, error) {
	api := &API{services: map[string]*Service{}, protos: map[string]string{}, files: &protoregistry.Files{}}
	for _, file := range []protoreflect.FileDescriptor{timestamppb.File_google_protobuf_timestamp_proto,
		durationpb.File_google_protobuf_duration_proto, structpb.File_google_protobuf_struct_proto} {
		if err := api.files.RegisterFile(file); err != nil {
			panic(err) // a new registry has none of them
		}
	}
	var wrong contract.Errors
	for _, stream := range c.Streams {
		if !stream.Offers(contract.GRPC) {
			continue
		}
		if lock.Streams[stream.Name] == nil {
			lock.Streams[stream.Name] = (&Lock{Streams: map[string]*lockStream{stream.Name: {}}}).Clone().Streams[stream.Name]
		}
		m := newMapper(stream, lock.Streams[stream.Name])
		m.asSent = lock.asSent
		m.run()
		for _, e := range m.errors {
			if e.File == "contract" {
				e.File = c.File
			}
			wrong = append(wrong, e)
		}
		if len(m.errors) > 0 {
			continue
		}
		if err := api.add(m); err != nil {
			return nil, fmt.Errorf("gRPC service of stream %s: %w", stream.Name, err)
		}
	}
	if len(wrong) > 0 {
		slices.SortStableFunc(wrong, func(a, b contract.Error) int { return a.Line - b.Line })
		return nil, slices.Compact(wrong)
	}
	return api, nil
}

func (a *API) add(m *mapper) error {
	d := m.describe()
	file, err := protodesc.NewFile(d.file, a.files)
	if err != nil {
		return err
	}
	if err := a.files.RegisterFile(file); err != nil {
		return err
	}
	for _, msg := range m.top {
		msg.bind(file.Messages())
	}
	name := m.stream.Name
	a.protos[name] = protoText(file, d.comments)
	for _, given := range m.given {
		a.given = append(a.given, name+": "+given)
	}
	a.services[name] = newService(m, file)
	return nil
}

// bind finds the message's descriptor, and those of all that is in it.
func (msg *message) bind(among protoreflect.MessageDescriptors) {
	msg.descriptor = among.ByName(protoreflect.Name(last(msg.name)))
	fields := msg.descriptor.Fields()
	for _, f := range slices.Concat(msg.fields, []*field{msg.additional, msg.nulls}) {
		if f != nil {
			f.descriptor = fields.ByNumber(f.number)
		}
	}
	for _, nested := range msg.nested {
		nested.bind(msg.descriptor.Messages())
	}
}

// Service gives the service of a stream; nil where the stream is not offered over gRPC, or is none.
func (a *API) Service(stream string) *Service { return a.services[stream] }

// Files holds the descriptors of all services and of what they import, for reflection.
func (a *API) Files() *protoregistry.Files { return a.files }

// Proto is the .proto of a stream's service; "" where there is none. It imports nothing but google/protobuf.
func (a *API) Proto(stream string) string { return a.protos[stream] }

// Given lists what had no number in the lock, as STREAM: MESSAGE.FIELD: until the lock is written, another version of the
// contract can give it another.
func (a *API) Given() []string { return a.given }
